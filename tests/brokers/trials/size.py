"""How much a run of the trials sends."""

from datetime import timedelta
from typing import Final

import msgspec


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of uplinks and gateways."""

    waiting: int
    """Uplinks that wait while a gateway is away."""
    backlog: int
    """Uplinks whose recording is timed."""
    rate: int
    """Uplinks a second under load."""
    seconds: float
    """For how long the load lasts before and after a fault."""
    nothing_more: timedelta
    """Without another uplink for so long, a broker that may lose or hold back uplinks brings no more."""
    groups: tuple[int, ...]
    """How many gateways share a subscription."""


LONG: Final = Size(waiting=2_000, backlog=10_000, rate=400, seconds=2, nothing_more=timedelta(seconds=5), groups=(2, 4))
SHORT: Final = Size(waiting=200, backlog=500, rate=300, seconds=0.3, nothing_more=timedelta(seconds=2), groups=(2,))
"""As the suite of the tests runs it."""
