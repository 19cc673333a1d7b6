"""How long the gateway's transactions take, by its own metric."""

import math
import re
from collections.abc import Awaitable
from typing import Final

from tests.proof.rig import Rig

_BUCKET: Final = re.compile(r'^parking_gateway_batch_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
_SHARE: Final = 0.99


async def transactions_during(rig: Rig, work: Awaitable[object], words: str) -> str:
    """How many transactions there were while this was awaited, and the bound below which 99 % of them took, in words."""
    before = _buckets(rig)
    await work
    after = _buckets(rig)
    found = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    if not (number := max(found.values())):
        return f"{words}: no transaction ended"
    bound = next(bound for bound, below in found.items() if below >= _SHARE * number)
    return f"{words}: {number:,.0f} transactions, 99 % within {bound * 1000:,.0f} ms"


def _buckets(rig: Rig) -> dict[float, float]:
    _, text = rig.gateway.page("/metrics")
    return {math.inf if bound == "+Inf" else float(bound): float(number) for bound, number in _BUCKET.findall(text)}
