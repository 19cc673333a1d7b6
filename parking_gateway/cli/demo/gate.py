"""The counter at the gate of the counted zone, endless and from a seed. Pure, as `fleet`.

It sends the totals of the cars that came and left. There are always some cars inside and some free places.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final

import msgspec

from parking_gateway.cli.demo.car_park import GATE, YARD, YARD_CAPACITY
from parking_gateway.cli.demo.fleet import TimedEvent, event_of
from parking_gateway.cli.demo.ledger import Passed

_EVERY: Final = timedelta(seconds=2)
_PORT: Final = 85
_MOST_AT_ONCE: Final = 4


def events(*, start: datetime, seed: int) -> Iterator[TimedEvent]:
    """All events of the gate from `start` on, in their order."""
    rng = Random(f"{seed} {GATE.dev_eui}")  # noqa: S311 - a simulation, which has to repeat itself
    came = left = 0
    for f_cnt in count(1):
        at = start + f_cnt * _EVERY
        passed = Passed(zone=YARD, came=came, left=left)
        yield _event(passed, at=at, f_cnt=f_cnt, rng=rng)
        came += rng.randint(0, min(_MOST_AT_ONCE, YARD_CAPACITY - (came - left)))
        left += rng.randint(0, min(_MOST_AT_ONCE - 1, came - left))


def _event(passed: Passed, *, at: datetime, f_cnt: int, rng: Random) -> TimedEvent:
    payload = b"\x03\xd2" + passed.came.to_bytes(4, "little") + b"\x04\xd2" + passed.left.to_bytes(4, "little")
    event = event_of(GATE, (_PORT, payload), at=at, f_cnt=f_cnt, rng=rng)
    return msgspec.structs.replace(event, uplink=msgspec.structs.replace(event.uplink, passed=passed))
