"""Which uplinks of observed installations count for their spaces. `tests/intake/test_observing.py` has whole batches."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from decoders import Occupancy
from parking_gateway.core.causes import Cause, SensorsFitted
from parking_gateway.core.device import Snapshot, due_again
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS, Installation
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.observing import Observing
from parking_gateway.core.space import Observation, SpaceId

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A = SpaceId(1)
ONE, TWO = DevEui("a840410000000001"), DevEui("a840410000000002")


def seen(minute: int, device: DevEui = ONE) -> Observation:
    at = NOON + minute * MINUTE
    return Observation(Occupancy.OCCUPIED, at, at, minute, None, dev_eui=device)


def causes(observing: Observing, one: Observation, *, left: int) -> Sequence[tuple[SpaceId, Cause]]:
    """Those of an uplink of an installation that was observed for so many uplinks when the batch began."""
    installation = Installation(dev_eui=one.dev_eui or ONE, space=A, observe_left=left)
    return list(observing.causes(installation, one, codec="c", now=NOON))


def test_an_endless_observation_never_ends() -> None:
    observing = Observing()
    assert [causes(observing, seen(minute), left=ENDLESS) for minute in range(3)] == [[], [], []]
    assert (len(observing.observed), list(observing.notices(now=NOON))) == (3, [])


def test_behind_the_last_observed_uplink_the_next_one_counts() -> None:
    observing = Observing()
    assert [causes(observing, seen(minute), left=2) for minute in range(3)] == [[], [], [(A, seen(2))]]
    (counted,) = observing.counted.values()
    assert (counted.uplinks, counted.since) == (2, NOON + MINUTE + timedelta(microseconds=1))
    (notice,) = observing.notices(now=NOON)
    assert (notice.kind, notice.space, notice.dev_eui) == (NoticeKind.OBSERVED, A, ONE)


def test_a_space_gets_one_sensor_after_the_other() -> None:
    """The first is its only one, and needs no cause of its own."""
    observing = Observing()
    assert causes(observing, seen(1), left=1) == []
    ((space, fitted),) = causes(observing, seen(2, TWO), left=1)
    assert isinstance(fitted, SensorsFitted)
    found: tuple[SpaceId, frozenset[str], str | None] = (space, fitted.sensors, fitted.sole)
    assert found == (A, frozenset({f"{ONE}/0", f"{TWO}/0"}), f"{ONE}/0")


def test_of_two_sensors_none_is_the_only_one() -> None:
    observing = Observing(sensors={A: frozenset({"x/0", "y/0"})})
    ((_, fitted),) = causes(observing, seen(1), left=1)
    assert isinstance(fitted, SensorsFitted)
    found: tuple[frozenset[str], str | None] = (fitted.sensors, fitted.sole)
    assert found == (frozenset({"x/0", "y/0", f"{ONE}/0"}), None)


def test_a_device_of_which_everything_is_published_is_due_again() -> None:
    snapshot = Snapshot(NOON, "n", "p", "a", {}, "c", None, None, None)
    found = due_again({ONE: snapshot, TWO: snapshot}, {ONE, DevEui("a840410000000003")})
    assert (found[TWO], found[ONE].heard_at.year, found[ONE].codec) == (snapshot, 1970, "c")
    assert len(found) == 2
