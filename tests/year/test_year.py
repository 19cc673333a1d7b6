"""The short form of `make year`: two days of a small city, with a restart and a failover."""

from tests.year.conductor import Faults
from tests.year.play import Options, played

_SHORT = Options(
    spaces=200,
    days=2,
    most_seconds=200,
    cars_per_day=0.5,
    heartbeat_hours=12,
    # The second day is the second of January.
    faults=Faults(restart_every=2, failover_days=frozenset({2}), broker_days=frozenset()),
)


def test_two_days_of_a_city_are_as_the_ledger_has_them() -> None:
    """Nothing is lost, doubled or wrong, though the clock jumps by hours."""
    result = played(_SHORT, command="a test", say=print)
    assert result.done["gateway stopped"] == result.done["primary killed, standby promoted"] == 1
    assert result.done["stays"] > 50
    assert [one.marks for one in result.days] == [(), ("restart", "failover")]
    assert sum(one.uplinks for one in result.days) > 400
