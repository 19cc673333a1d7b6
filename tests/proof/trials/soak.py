"""Nothing breaks, for a long time: memory, file descriptors and latency stay as they are."""

import asyncio
from typing import Final

import psutil

from tests.proof.rig import Rig
from tests.proof.trial import trial

_PER_SECOND: Final = 400
_WARM_SECONDS: Final = 30
_GROWTH_BYTES: Final = 8_000_000
_MINUTE_SECONDS: Final = 60
_LAG: Final = "parking_gateway_uplink_lag_seconds"
_LONGEST_LAG: Final = 1.0
"""Seconds on average, on a busy machine. On an idle one it takes milliseconds."""


@trial("T15", "nothing, for minutes: a soak under load", short=0, long=3)
async def soak(rig: Rig, times: int) -> None:
    """Times: minutes."""
    await rig.start_gateway()
    process = psutil.Process(rig.gateway.pid)
    async with rig.load.steady(_PER_SECOND):
        await asyncio.sleep(_WARM_SECONDS)
        memory, files = process.memory_info().rss, process.num_fds()
        lags = []
        for _ in range(times):
            before = rig.ledger.uplinks
            uplinks, seconds = _lag(rig)
            await asyncio.sleep(_MINUTE_SECONDS)
            rig.happened(rig.ledger.uplinks - before > _PER_SECOND * _MINUTE_SECONDS / 2)
            last_uplinks, last_seconds = _lag(rig)
            lags.append((last_seconds - seconds) / (last_uplinks - uplinks))
            await rig.recover()
        last_memory, last_files = process.memory_info().rss, process.num_fds()
    rig.reports.append(
        f"memory {memory / 1e6:.0f} MB, then {last_memory / 1e6:.0f} MB; file descriptors {files}, then {last_files};"
        f" from network server to COMMIT {lags[0] * 1000:.0f} ms in the first minute, {lags[-1] * 1000:.0f} ms in the last"
    )
    assert max(lags) < _LONGEST_LAG
    assert last_memory - memory < _GROWTH_BYTES
    assert last_files <= files + 2


def _lag(rig: Rig) -> tuple[float, float]:
    """Uplinks so far, and the sum of their seconds from the network server to COMMIT."""
    return rig.gateway.metric(f"{_LAG}_count"), rig.gateway.metric(f"{_LAG}_sum")
