"""A space with several sensors: each is ordered by its own frames, and the space is computed from all of them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway.core.causes import Cause, Rereading, ReservationStart, SensorsFitted, Silence
from parking_gateway.core.events import DevEui
from parking_gateway.core.reservation import Reservation
from parking_gateway.core.sensor import SensorRule, Sensors, sensor_key
from parking_gateway.core.space import Contact, Observation, Space, SpaceId, SpaceState, observe
from parking_gateway.core.turn import turn

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B, C = DevEui("a84041000181c061"), DevEui("a84041000181c062"), DevEui("a84041000181c063")
VACANT, OCCUPIED = Occupancy.VACANT, Occupancy.OCCUPIED
ONE = SpaceId(1)
MINUTE = timedelta(minutes=1)


def fitted(*devices: DevEui, rule: SensorRule | None = None, sole: DevEui | None = None) -> SensorsFitted:
    return SensorsFitted(
        sensors=frozenset(sensor_key(one, 0) for one in devices),
        sole=None if sole is None else sensor_key(sole, 0),
        rule=rule,
        at=NOON,
        by="register",
    )


def seen(
    device: DevEui, occupancy: Occupancy | None, at: int, *, f_cnt: int | None = None, battery: int | None = None
) -> Observation:
    when = NOON + at * MINUTE
    return Observation(
        occupancy=occupancy,
        seen_at=when,
        heard_at=when,
        f_cnt=at if f_cnt is None else f_cnt,
        cause=UUID(int=at),
        dev_addr=device[-8:],
        battery_percent=battery,
        dev_eui=device,
    )


def silence(device: DevEui, at: int) -> Silence:
    return Silence(now=NOON + at * MINUTE, lost_after=10 * MINUTE, listening_since=NOON, sensor=sensor_key(device, 0))


def after(*causes: Cause, space: Space | None = None) -> Space:
    before = space or Space(id=ONE, since=NOON)
    return turn({ONE: before}, [(ONE, one) for one in causes]).spaces[ONE]


def reported(space: Space) -> object:
    """All that does not depend on the order of the steps that led there."""
    return (
        space.state,
        space.occupancy,
        space.contact,
        space.heard_at,
        space.seen_at,
        space.battery_percent,
        space.sensors,
    )


@pytest.mark.parametrize(
    ("rule", "first", "second", "occupancy"),
    [
        (SensorRule.ANY, OCCUPIED, VACANT, OCCUPIED),
        (SensorRule.ANY, VACANT, OCCUPIED, OCCUPIED),
        (SensorRule.ANY, VACANT, VACANT, VACANT),
        (SensorRule.ANY, None, VACANT, VACANT),
        (SensorRule.ANY, None, None, None),
        (SensorRule.ALL, OCCUPIED, VACANT, VACANT),
        (SensorRule.ALL, OCCUPIED, OCCUPIED, OCCUPIED),
        (SensorRule.ALL, OCCUPIED, None, OCCUPIED),
    ],
)
def test_the_rule_decides_whether_one_sensor_is_enough(
    rule: SensorRule, first: Occupancy | None, second: Occupancy | None, occupancy: Occupancy | None
) -> None:
    space = after(fitted(A, B, rule=rule), seen(A, first, 1), seen(B, second, 2))
    assert space.occupancy is occupancy


def test_a_vacant_sensor_does_not_free_a_space_under_the_car_that_another_sees() -> None:
    space = after(fitted(A, B), seen(A, OCCUPIED, 1), seen(B, VACANT, 9))
    assert space.state is SpaceState.OCCUPIED
    assert after(seen(A, VACANT, 10), space=space).state is SpaceState.FREE


observations = st.lists(
    st.builds(
        seen,
        st.sampled_from([A, B, C]),
        st.sampled_from([None, VACANT, OCCUPIED]),
        st.integers(0, 50),
        battery=st.sampled_from([None, 20, 80]),
    ),
    max_size=12,
    unique_by=lambda one: (one.dev_eui, one.heard_at),
)


@given(sent=observations, data=st.data(), rule=st.sampled_from(SensorRule))
def test_any_order_of_delivery_with_repeats_ends_in_the_same_space(
    sent: list[Observation], data: st.DataObject, rule: SensorRule
) -> None:
    in_order = after(fitted(A, B, C, rule=rule), *sorted(sent, key=lambda one: one.heard_at))
    delivered = data.draw(st.permutations([*sent, *sent[:3]]))
    assert reported(after(fitted(A, B, C, rule=rule), *delivered)) == reported(in_order)


@given(sent=observations)
def test_each_sensor_keeps_what_it_would_have_reported_alone(sent: list[Observation]) -> None:
    """So to remove the others leaves its state."""
    space = after(fitted(A, B, C), *sent)
    alone = Space(id=ONE, since=NOON)
    for one in sent:
        if one.dev_eui == A:
            alone, _ = observe(alone, one)
    left = after(fitted(A), space=space)
    assert left.sensors is None
    assert reported(left) == reported(alone)
    assert (left.seen_dev_addr, left.seen_f_cnt, left.battery_at) == (
        alone.seen_dev_addr,
        alone.seen_f_cnt,
        alone.battery_at,
    )


def test_a_second_sensor_joins_and_the_first_keeps_its_state() -> None:
    space = after(seen(A, OCCUPIED, 1, battery=80))
    joined = after(fitted(A, B, sole=A), space=space)
    assert (joined.state, joined.contact, joined.battery_percent) == (SpaceState.OCCUPIED, Contact.LIVE, 80)
    assert after(seen(B, VACANT, 2), space=joined).state is SpaceState.OCCUPIED
    assert after(seen(A, VACANT, 3), space=joined).state is SpaceState.FREE


def test_two_other_sensors_begin_without_a_state() -> None:
    space = after(seen(A, OCCUPIED, 1))
    replaced = after(fitted(B, C, sole=A), space=space)
    assert (replaced.state, replaced.contact) == (SpaceState.FREE, Contact.NEVER)
    assert after(fitted(B, C), space=space).occupancy is None


def test_the_rule_can_be_changed_and_stays_if_none_is_given() -> None:
    space = after(fitted(A, B), seen(A, OCCUPIED, 1), seen(B, VACANT, 2))
    strict = after(fitted(A, B, rule=SensorRule.ALL), space=space)
    assert strict.state is SpaceState.FREE
    assert after(fitted(A, B, C), space=strict).state is SpaceState.FREE


def test_one_sensor_or_none_is_no_matter_of_sensors() -> None:
    space = after(seen(A, OCCUPIED, 1))
    assert after(fitted(A, sole=A), space=space) is space
    gone = after(fitted(sole=A), space=space)
    assert (gone.state, gone.contact) == (SpaceState.FREE, Contact.NEVER)


def test_a_space_is_lost_when_all_of_its_sensors_are() -> None:
    space = after(fitted(A, B, C), seen(A, OCCUPIED, 1), seen(B, VACANT, 5))
    one = after(silence(A, 12), space=space)
    assert (one.contact, one.state) == (Contact.LIVE, SpaceState.OCCUPIED)
    both = after(silence(B, 20), space=one)
    assert (both.contact, both.state) == (Contact.LOST, SpaceState.OCCUPIED)
    assert after(silence(C, 20), space=both) is both, "it was never heard"
    assert after(seen(A, None, 21), space=both).contact is Contact.LIVE
    assert after(silence(B, 12), space=one) is one


def test_a_reservation_ends_when_the_last_sensor_sees_the_car_leave() -> None:
    booked = ReservationStart(reservation=Reservation(id="r", start=NOON, end=NOON + 60 * MINUTE), by="clock")
    space = after(fitted(A, B), booked, seen(A, OCCUPIED, 1), seen(B, OCCUPIED, 2))
    assert space.reservation is not None
    assert space.reservation.is_checked_in
    half = after(seen(A, VACANT, 5), space=space)
    assert (half.state, half.reservation) == (SpaceState.OCCUPIED, space.reservation)
    left = after(seen(B, VACANT, 6), space=half)
    assert (left.state, left.reservation) == (SpaceState.FREE, None)


def test_a_device_that_is_no_sensor_of_the_space_changes_nothing() -> None:
    space = after(fitted(A, B), seen(A, VACANT, 1))
    for cause in (seen(C, OCCUPIED, 2), Rereading(seen(C, OCCUPIED, 2)), silence(C, 30)):
        assert after(cause, space=space) is space


def test_the_lowest_battery_is_shown() -> None:
    space = after(fitted(A, B), seen(A, VACANT, 1, battery=80), seen(B, VACANT, 2, battery=20))
    assert space.battery_percent == 20
    assert after(seen(B, VACANT, 3, battery=90), space=space).battery_percent == 80


def test_a_stored_frame_that_is_read_again_replaces_what_its_sensor_has_reported() -> None:
    space = after(fitted(A, B), seen(A, OCCUPIED, 1), seen(B, VACANT, 2))
    corrected = after(Rereading(seen(A, VACANT, 1)), space=space)
    assert corrected.state is SpaceState.FREE
    assert isinstance(corrected.sensors, Sensors)
