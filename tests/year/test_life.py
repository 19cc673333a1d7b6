"""The ledger is what the uplinks show to somebody who knows all of them."""

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

from tests.year.city import BEGIN, DAY, HOUR, zones_of
from tests.year.conductor import SLICE
from tests.year.ledger import Ledger
from tests.year.life import Life, Plan

_DAYS = 30
_PLAN = Plan(
    days=_DAYS,
    cars_per_day=0.3,
    heartbeat=3 * DAY,
    lost_after=5 * DAY,
    latest=20 * HOUR,
    service_life=100,
    last_death=20 * DAY,
)
_OCCUPIED = "AQ=="


def test_the_stays_of_the_ledger_are_those_of_the_uplinks() -> None:
    """Repeated and late uplinks, drifting clocks and new sensors included."""
    zones = zones_of(300, market=20, zone_spaces=100)
    ledger = Ledger(zones, _DAYS)
    life = Life(zones, _PLAN, ledger, seed=1)
    numbers: set[str] = set()
    frames: dict[int, set[tuple[int, bool]]] = defaultdict(set)
    for begin in range(0, _DAYS * 24, SLICE):
        for space in [space for space, last in life.dead.items() if last + 10 * DAY < begin * HOUR]:
            life.replace_sensor(space, begin * HOUR)
        for one in life.slice(begin, begin + SLICE):
            event = json.loads(one.publication.payload)
            numbers.add(event["deduplicationId"])
            frames[one.space].add((_believed(event), event["data"] == _OCCUPIED))
    assert len(numbers) == life.number == sum(ledger.uplinks)
    assert ledger.silent
    assert ledger.happened.keys() == {"twice", "late"}
    departures, seconds = ([0] * len(ledger.departures) for _ in range(2))
    for space, seen in frames.items():
        arrived = None
        for at, is_occupied in sorted(seen):
            if is_occupied and arrived is None:
                arrived = at
            elif not is_occupied and arrived is not None:
                cell = life.zone_of[space] * ledger.days + at // DAY
                departures[cell] += 1
                seconds[cell] += at - arrived
                arrived = None
    assert (departures, seconds) == (list(ledger.departures), list(ledger.stay_seconds))


def _believed(event: Any) -> int:
    """A time that differs from the network server's by more than a minute is not believed."""
    (reception,) = event["rxInfo"]
    claimed, heard = (
        int((datetime.fromisoformat(text[:19] + "+00:00") - BEGIN).total_seconds())
        for text in (event["time"], reception["nsTime"])
    )
    return claimed if abs(claimed - heard) <= 60 else heard
