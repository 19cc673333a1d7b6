"""The comparison at the end of the year finds what it must."""

import pytest

from tests.year.city import DAY, zones_of
from tests.year.ledger import Ledger
from tests.year.life import Life, Plan
from tests.year.truth import Truth

_PLAN = Plan(days=9, cars_per_day=1, heartbeat=DAY, lost_after=2 * DAY, latest=0, service_life=100, last_death=DAY)


@pytest.mark.parametrize(
    ("named", "others", "wrong"),
    [
        ({1: 1, 2: 1, 3: 1}, 0, []),
        ({1: 1}, 2, []),
        ({1: 1, 2: 1}, 0, ["notices of silence of 3, which died on 2031-01-03: (0,), and (1,) is true"]),
        ({1: 2}, 2, ["notices of silence of 1, which died on 2031-01-01: (2,), and (1,) is true"]),
        ({1: 1, 4: 1}, 2, ["notices of silence of 4: (1,), and (0,) is true"]),
        ({1: 1}, 1, ["notices of silence that name no sensor: of 1 devices, and 2 is true"]),
        ({1: 1, 2: 1, 3: 1}, 1, ["notices of silence that name no sensor: of 1 devices, and 0 is true"]),
    ],
)
def test_each_dead_sensor_is_reported_once_by_its_name_or_among_others(
    named: dict[int, int], others: int, wrong: list[str]
) -> None:
    zones = zones_of(300, market=20, zone_spaces=100)
    ledger = Ledger(zones, _PLAN.days)
    ledger.silent.update({1: 0, 2: 1, 3: 2})
    assert list(Truth(Life(zones, _PLAN, ledger, seed=1), ledger).of_silence(named, others)) == wrong
