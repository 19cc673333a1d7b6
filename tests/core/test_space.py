"""The state machine: its table, its twelve rules, and its law that any order with repeats ends in the same space."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway.core.reservation import Reservation
from parking_gateway.core.space import (
    LEGAL_STEPS,
    Change,
    Contact,
    Observation,
    Service,
    Space,
    SpaceId,
    SpaceState,
    Transition,
    after_last_order,
    begin_reservation,
    change_service,
    end_reservation,
    extend_reservation,
    lapse,
    observe,
    path,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
VACANT, OCCUPIED = Occupancy.VACANT, Occupancy.OCCUPIED
BOOKED = Reservation(id="r1", start=NOON, end=NOON + timedelta(hours=2))


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def new_space() -> Space:
    return Space(id=SpaceId(1), since=NOON)


def seen(occupancy: Occupancy | None, at: float, *, f_cnt: int = 0, battery: int | None = None) -> Observation:
    return Observation(
        occupancy=occupancy,
        seen_at=minutes(at),
        heard_at=minutes(at),
        f_cnt=f_cnt,
        battery_percent=battery,
        cause=uplink_at(at),
    )


def uplink_at(at: float) -> UUID:
    """The deduplication id of what was seen then."""
    return UUID(int=round(1000 * at) % 2**128)


@pytest.mark.parametrize(
    ("service", "occupancy", "reservation", "state"),
    [
        (service, occupancy, reservation, state)
        for service, occupancy, reservation in product(Service, (None, VACANT, OCCUPIED), (None, BOOKED))
        for state in [
            SpaceState.MAINTENANCE
            if service is Service.MAINTENANCE
            else SpaceState.OCCUPIED
            if occupancy is OCCUPIED
            else SpaceState.RESERVED
            if reservation
            else SpaceState.FREE
        ]
    ],
)
def test_state_is_a_total_table(
    service: Service, occupancy: Occupancy | None, reservation: Reservation | None, state: SpaceState
) -> None:
    space = msgspec.structs.replace(new_space(), service=service, occupancy=occupancy, reservation=reservation)
    assert space.state is state


@pytest.mark.parametrize(("before", "after"), list(product(SpaceState, SpaceState)))
def test_every_path_is_made_of_legal_steps(before: SpaceState, after: SpaceState) -> None:
    states = (before, *path(before, after))
    assert states[-1] is after
    assert all(b in LEGAL_STEPS[a] for a, b in pairwise(states))


def test_a_car_comes_and_goes() -> None:
    arrived, first = observe(new_space(), seen(OCCUPIED, 1))
    left, second = observe(arrived, seen(VACANT, 9))
    assert (arrived.state, arrived.since, arrived.previous) == (SpaceState.OCCUPIED, minutes(1), SpaceState.FREE)
    assert (left.state, left.since, left.previous) == (SpaceState.FREE, minutes(9), SpaceState.OCCUPIED)
    assert [(t.before, t.after, t.at, t.cause) for t in first + second] == [
        (SpaceState.FREE, SpaceState.OCCUPIED, minutes(1), str(uplink_at(1))),
        (SpaceState.OCCUPIED, SpaceState.FREE, minutes(9), str(uplink_at(9))),
    ]
    assert left.version == arrived.version + 1 == new_space().version + 2


def test_the_first_vacant_is_news_without_a_transition() -> None:
    """A subscriber learns that the space is known to be vacant; the state was FREE already."""
    space, steps = observe(new_space(), seen(VACANT, 1))
    assert steps == ()
    assert space.version == new_space().version + 1


def test_a_repeated_heartbeat_moves_the_time_and_is_not_published() -> None:
    space, _ = observe(new_space(), seen(VACANT, 1))
    again, steps = observe(space, seen(VACANT, 60))
    assert (again.version, steps) == (space.version, ())
    assert (again.heard_at, again.seen_at) == (minutes(60), minutes(60))


def test_rule_1_vacant_never_clears_reservation_or_maintenance() -> None:
    reserved, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    closed, _ = change_service(new_space(), Service.MAINTENANCE, at=minutes(0), cause="operator")
    assert observe(reserved, seen(VACANT, 1))[0].state is SpaceState.RESERVED
    assert observe(closed, seen(VACANT, 1))[0].state is SpaceState.MAINTENANCE


def test_rule_2_a_reservation_under_a_parked_car_holds_once_it_leaves() -> None:
    parked, _ = observe(new_space(), seen(OCCUPIED, -1))
    booked, steps = begin_reservation(parked, BOOKED, cause="booking")
    assert (booked.state, steps, booked.is_pending) == (SpaceState.OCCUPIED, (), True)
    left, steps = observe(booked, seen(VACANT, 3))
    assert (left.state, left.is_pending) == (SpaceState.RESERVED, False)
    assert [t.after for t in steps] == [SpaceState.FREE, SpaceState.RESERVED]
    assert {t.cause for t in steps} == {str(uplink_at(3))}


def test_rule_3_one_report_of_a_change_is_enough() -> None:
    space, _ = observe(new_space(), seen(OCCUPIED, 1))
    assert space.state is SpaceState.OCCUPIED
    assert observe(space, seen(OCCUPIED, 2))[0].since == minutes(1)


def test_rule_4_silence_counts_from_the_last_uplink() -> None:
    space, _ = observe(new_space(), seen(OCCUPIED, 1))
    space, _ = observe(space, seen(None, 50))
    within, _ = lapse(space, now=minutes(100), lost_after=timedelta(hours=1), listening_since=NOON)
    beyond, steps = lapse(space, now=minutes(111), lost_after=timedelta(hours=1), listening_since=NOON)
    assert within.contact is Contact.LIVE
    assert (beyond.contact, beyond.state, steps) == (Contact.LOST, SpaceState.OCCUPIED, ())
    assert beyond.version == space.version + 1


def test_silence_does_not_count_while_we_were_not_listening() -> None:
    space, _ = observe(new_space(), seen(OCCUPIED, 1))
    same, _ = lapse(space, now=minutes(200), lost_after=timedelta(hours=1), listening_since=minutes(190))
    never, _ = lapse(new_space(), now=minutes(200), lost_after=timedelta(hours=1), listening_since=NOON)
    assert (same.contact, never.contact) == (Contact.LIVE, Contact.NEVER)


def test_a_lost_sensor_is_live_with_its_next_uplink() -> None:
    space, _ = observe(new_space(), seen(OCCUPIED, 1))
    lost, _ = lapse(space, now=minutes(100), lost_after=timedelta(hours=1), listening_since=NOON)
    assert observe(lost, seen(None, 101))[0].contact is Contact.LIVE


def test_rule_5_a_rejoined_device_is_believed() -> None:
    """The counter starts again at 0: a later time counts for more than a higher counter."""
    space, _ = observe(new_space(), seen(OCCUPIED, 1, f_cnt=9000))
    assert observe(space, seen(VACANT, 2, f_cnt=0))[0].state is SpaceState.FREE


def test_the_counter_orders_uplinks_of_one_instant() -> None:
    space, _ = observe(new_space(), seen(VACANT, 1, f_cnt=8))
    assert observe(space, seen(OCCUPIED, 1, f_cnt=7))[0].state is SpaceState.FREE


def test_rule_6_an_uplink_without_an_occupancy_leaves_the_state() -> None:
    space, _ = observe(new_space(), seen(OCCUPIED, 1))
    later, steps = observe(space, seen(None, 2))
    assert (later.state, later.seen_at, later.heard_at, steps) == (SpaceState.OCCUPIED, minutes(1), minutes(2), ())


def test_a_late_observation_changes_nothing() -> None:
    space, _ = observe(new_space(), seen(OCCUPIED, 10))
    assert observe(space, seen(VACANT, 5)) == (space, ())


def test_rule_10_the_end_of_a_reservation_never_frees_a_parked_car() -> None:
    space, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    parked, _ = observe(space, seen(OCCUPIED, 1))
    ended, steps = end_reservation(parked, BOOKED.id, at=minutes(120), cause="end")
    assert (ended.state, ended.reservation, steps) == (SpaceState.OCCUPIED, None, ())


def test_an_arrival_checks_in_once() -> None:
    space, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    arrived, _ = observe(space, seen(OCCUPIED, 1))
    assert arrived.reservation == msgspec.structs.replace(BOOKED, is_checked_in=True)
    assert not arrived.is_pending
    again, _ = observe(arrived, seen(OCCUPIED, 2))
    assert (again.reservation, again.version) == (arrived.reservation, arrived.version)


def test_leaving_releases_or_keeps_the_space() -> None:
    for is_kept, state in ((False, SpaceState.FREE), (True, SpaceState.RESERVED)):
        booked = msgspec.structs.replace(BOOKED, is_kept_on_leaving=is_kept)
        space, _ = begin_reservation(new_space(), booked, cause="booking")
        arrived, _ = observe(space, seen(OCCUPIED, 1))
        left, _ = observe(arrived, seen(VACANT, 30))
        assert (left.state, left.reservation is not None) == (state, is_kept)
        back, _ = observe(left, seen(OCCUPIED, 60))
        assert (back.state, back.is_pending) == (SpaceState.OCCUPIED, False)


def test_a_car_of_before_the_start_is_no_arrival_even_if_its_uplink_is_late() -> None:
    """It makes the reservation pending, as if the uplink had come in time."""
    space, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    late, _ = observe(space, seen(OCCUPIED, -1))
    assert (late.reservation, late.is_pending) == (BOOKED, True)


def test_an_arrival_before_a_late_start_of_the_clock_checks_in() -> None:
    """A gateway that was away learns of the arrival first."""
    parked, _ = observe(new_space(), seen(OCCUPIED, 1))
    booked, _ = begin_reservation(parked, BOOKED, cause="booking")
    assert booked.reservation is not None
    assert (booked.reservation.is_checked_in, booked.is_pending) == (True, False)


def test_a_car_in_a_space_in_maintenance_is_no_arrival_and_one_that_leaves_is_gone() -> None:
    space, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    closed, _ = change_service(space, Service.MAINTENANCE, at=minutes(1), cause="operator")
    assert observe(closed, seen(OCCUPIED, 2))[0].reservation == BOOKED
    arrived, _ = observe(space, seen(OCCUPIED, 1))
    closed, _ = change_service(arrived, Service.MAINTENANCE, at=minutes(2), cause="operator")
    left, _ = observe(closed, seen(VACANT, 3))
    assert (left.state, left.reservation) == (SpaceState.MAINTENANCE, None)


def test_another_end_is_published_and_is_no_step() -> None:
    space, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    longer, steps = extend_reservation(space, BOOKED.id, end=minutes(240), at=minutes(5), cause="extension")
    assert longer.reservation is not None
    assert (longer.reservation.end, longer.version, steps) == (minutes(240), space.version + 1, ())


def test_only_the_reservation_that_holds_can_be_extended_or_ended() -> None:
    space, _ = begin_reservation(new_space(), BOOKED, cause="booking")
    for one in (space, new_space()):
        assert extend_reservation(one, "other", end=minutes(1), at=minutes(0), cause="") == (one, ())
        assert end_reservation(one, "other", at=minutes(0), cause="") == (one, ())


def test_maintenance_that_ends_under_a_car_goes_through_free() -> None:
    space, _ = change_service(new_space(), Service.MAINTENANCE, at=minutes(0), cause="operator", reason="painting")
    assert space.maintenance_reason == "painting"
    space, _ = observe(space, seen(OCCUPIED, 1))
    back, steps = change_service(space, Service.IN_SERVICE, at=minutes(2), cause="operator")
    assert [t.after for t in steps] == [SpaceState.FREE, SpaceState.OCCUPIED]
    assert (back.since, back.maintenance_reason) == (minutes(2), None)


def test_an_order_that_has_to_count_is_later_than_the_last_one() -> None:
    space, _ = change_service(new_space(), Service.MAINTENANCE, at=NOON, cause="anna")
    later = after_last_order(space, NOON - timedelta(hours=1))
    assert change_service(space, Service.IN_SERVICE, at=later, cause="bob")[0].service is Service.IN_SERVICE
    assert after_last_order(new_space(), NOON) == NOON


def test_an_old_order_of_the_operator_changes_nothing() -> None:
    space, _ = change_service(new_space(), Service.MAINTENANCE, at=minutes(5), cause="operator")
    assert change_service(space, Service.IN_SERVICE, at=minutes(4), cause="operator") == (space, ())


def test_a_step_is_never_dated_before_the_one_it_follows() -> None:
    closed, _ = change_service(new_space(), Service.MAINTENANCE, at=minutes(5), cause="operator")
    opened, _ = change_service(closed, Service.IN_SERVICE, at=minutes(9), cause="operator")
    _, steps = observe(opened, seen(OCCUPIED, 7))
    assert [t.at for t in steps] == [minutes(9)]


def test_a_new_battery_level_is_published_and_an_old_one_is_not() -> None:
    space, _ = observe(new_space(), seen(VACANT, 5, battery=80))
    lower, _ = observe(space, seen(None, 6, battery=79))
    assert (lower.battery_percent, lower.version) == (79, space.version + 1)
    assert observe(lower, seen(None, 4, battery=90)) == (lower, ())


# The laws.

observations = st.builds(
    Observation,
    occupancy=st.sampled_from([None, VACANT, OCCUPIED]),
    seen_at=st.integers(0, 12).map(minutes),
    heard_at=st.integers(0, 12).map(minutes),
    f_cnt=st.integers(0, 3),
    battery_percent=st.none() | st.integers(0, 2),
    cause=st.uuids(),
)


def fold(space: Space, stream: list[Observation]) -> Change:
    log: tuple[Transition, ...] = ()
    for observation in stream:
        space, steps = observe(space, observation)
        log += steps
    return space, log


def knowledge(space: Space) -> tuple[object, ...]:
    return (
        space.state,
        space.occupancy,
        space.seen_at,
        space.seen_f_cnt,
        space.contact,
        space.heard_at,
        space.battery_percent,
    )


@given(data=st.data(), stream=st.lists(observations, max_size=12))
def test_any_order_with_repeats_ends_in_the_same_space(data: st.DataObject, stream: list[Observation]) -> None:
    repeats = data.draw(st.lists(st.sampled_from(stream), max_size=6)) if stream else []
    shuffled = data.draw(st.permutations(stream + repeats))
    assert knowledge(fold(new_space(), stream)[0]) == knowledge(fold(new_space(), shuffled)[0])


class Order(msgspec.Struct, frozen=True):
    """Something that changes a space and is no observation."""

    at: int
    service: Service | None
    reservation: Reservation | None


@given(before=st.lists(observations, max_size=6), meanwhile=st.lists(observations, max_size=6))
def test_what_sensors_report_during_maintenance_counts_at_its_end(
    before: list[Observation], meanwhile: list[Observation]
) -> None:
    """The space is then as if it had been in service all the time."""
    served = closed = new_space()
    for one in before:
        served, closed = observe(served, one)[0], observe(closed, one)[0]
    closed, _ = change_service(closed, Service.MAINTENANCE, at=minutes(20), cause="anna", until=minutes(30))
    assert (closed.state, closed.maintenance_until) == (SpaceState.MAINTENANCE, minutes(30))
    for one in meanwhile:
        served = observe(served, one)[0]
        closed, steps = observe(closed, one)
        assert (closed.state, steps) == (SpaceState.MAINTENANCE, ())
    opened, steps = change_service(closed, Service.IN_SERVICE, at=minutes(30), cause="maintenance")
    assert {step.at for step in steps} == {minutes(30)}
    assert steps[-1].after is served.state
    traces = ("service_at", "since", "previous", "cause", "version")
    assert msgspec.structs.replace(opened, **{name: getattr(served, name) for name in traces}) == served


orders = st.builds(
    Order,
    at=st.integers(0, 12),
    service=st.sampled_from([None, *Service]),
    reservation=st.sampled_from([None, BOOKED]),
)


@given(stream=st.lists(observations | orders, max_size=20))
def test_the_log_is_legal_in_order_and_replays_to_the_space(stream: list[Observation | Order]) -> None:
    space, log = new_space(), list[Transition]()
    for event in stream:
        version = space.version
        if isinstance(event, Observation):
            space, steps = observe(space, event)
        elif event.service is not None:
            space, steps = change_service(space, event.service, at=minutes(event.at), cause="operator")
        elif event.reservation is not None:
            space, steps = begin_reservation(space, event.reservation, cause="clock")
        else:
            space, steps = end_reservation(space, BOOKED.id, at=minutes(event.at), cause="clock")
        log += steps
        assert not steps or space.version == version + 1
    assert all(t.after in LEGAL_STEPS[t.before] for t in log)
    assert all(a.after is b.before and a.at <= b.at for a, b in pairwise(log))
    replayed = [SpaceState.FREE, *(t.after for t in log)][-1]
    assert replayed is space.state
    if log:
        assert (space.since, space.previous, space.cause) == (log[-1].at, log[-1].before, log[-1].cause)
