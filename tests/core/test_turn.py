"""The door: whatever the cause, a turn is the state machine applied in order, and nothing else."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway.core.causes import (
    Cause,
    OverstayAcknowledged,
    Rereading,
    ReservationEnd,
    ReservationExtension,
    ReservationStart,
    SensorRemoved,
    ServiceOrder,
    Silence,
    StayExceeded,
)
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.reservation import Reservation, ReservationStatus
from parking_gateway.core.space import (
    LEGAL_STEPS,
    Contact,
    Observation,
    Overstay,
    Service,
    Space,
    SpaceId,
    SpaceState,
    observe,
)
from parking_gateway.core.turn import turn

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = SpaceId(1), SpaceId(2)
RESERVATION = Reservation(id="r", start=NOON, end=NOON + 8 * HOUR)


def space(space_id: SpaceId = A) -> Space:
    return Space(id=space_id, since=NOON - HOUR)


def seen(
    occupancy: Occupancy | None, *, at: timedelta = HOUR, f_cnt: int = 1, dev_addr: str | None = None
) -> Observation:
    when = NOON + at
    return Observation(occupancy=occupancy, seen_at=when, heard_at=when, dev_addr=dev_addr, f_cnt=f_cnt, cause=None)


def silence(*, hours: int) -> Silence:
    return Silence(now=NOON + hours * HOUR, lost_after=2 * HOUR, listening_since=NOON)


def order(service: Service, *, hours: int) -> ServiceOrder:
    return ServiceOrder(service=service, at=NOON + hours * HOUR, by="operator", reason="painting")


def booking(*, kept: bool = False) -> ReservationStart:
    return ReservationStart(reservation=msgspec.structs.replace(RESERVATION, is_kept_on_leaving=kept), by="clock")


def ending(status: ReservationStatus, *, hours: int) -> ReservationEnd:
    return ReservationEnd(reservation=RESERVATION.id, status=status, at=NOON + hours * HOUR, by="clock")


def extension(*, hours: int) -> ReservationExtension:
    end = NOON + hours * HOUR
    return ReservationExtension(reservation=RESERVATION.id, end=end, at=NOON, by="anna")


def removal(*, hours: int) -> SensorRemoved:
    return SensorRemoved(at=NOON + hours * HOUR, by="removed by anna")


def exceeded(*, since: int, hours: int) -> StayExceeded:
    at = NOON + hours * HOUR
    began = NOON + since * HOUR
    return StayExceeded(since=began, parked_since=began, until=at - HOUR, at=at)


def acknowledged(*, hours: int) -> OverstayAcknowledged:
    return OverstayAcknowledged(at=NOON + hours * HOUR)


causes = st.one_of(
    st.builds(
        seen, st.sampled_from([None, *Occupancy]), at=st.integers(-3, 9).map(HOUR.__mul__), f_cnt=st.integers(0, 99)
    ),
    st.builds(silence, hours=st.integers(-3, 12)),
    st.builds(order, st.sampled_from(Service), hours=st.integers(-3, 12)),
    st.builds(booking, kept=st.booleans()),
    st.builds(ending, st.sampled_from(ReservationStatus), hours=st.integers(-3, 12)),
    st.builds(extension, hours=st.integers(1, 12)),
    st.builds(removal, hours=st.integers(-3, 12)),
    st.builds(exceeded, since=st.integers(-3, 9), hours=st.integers(-3, 12)),
    st.builds(acknowledged, hours=st.integers(-3, 12)),
)


@given(st.lists(st.tuples(st.sampled_from([A, B]), causes)))
def test_the_log_of_any_turn_is_legal_and_ends_in_its_spaces(given_causes: list[tuple[SpaceId, Cause]]) -> None:
    before = {A: space(A), B: space(B)}
    made = turn(before, given_causes)
    for space_id, one in made.spaces.items():
        state = before[space_id].state
        for step in (step for step in made.steps if step.space == space_id):
            assert step.before is state
            assert step.after in LEGAL_STEPS[state]
            state = step.after
        assert state is one.state
        assert (space_id in made.changed) == (one.version != before[space_id].version)


@given(st.lists(st.tuples(st.sampled_from([A, B]), causes)), st.integers(0, 20))
def test_two_turns_are_one(given_causes: list[tuple[SpaceId, Cause]], at: int) -> None:
    """Whoever divides a batch, a page or a day changes nothing."""
    before = {A: space(A), B: space(B)}
    whole = turn(before, given_causes)
    first = turn(before, given_causes[:at])
    second = turn(first.spaces, given_causes[at:])
    assert second.spaces == whole.spaces
    assert first.steps + second.steps == whole.steps
    assert first.reservations + second.reservations == whole.reservations


def test_every_cause_has_its_way_into_the_space() -> None:
    made = turn(
        {A: space()},
        [
            (A, seen(Occupancy.OCCUPIED)),
            (A, order(Service.MAINTENANCE, hours=2)),
            (A, order(Service.IN_SERVICE, hours=3)),
            (A, seen(Occupancy.VACANT, at=4 * HOUR, f_cnt=2)),
            (A, booking()),
            (A, extension(hours=12)),
            (A, silence(hours=9)),
        ],
    )
    assert [step.after for step in made.steps] == [
        SpaceState.OCCUPIED,
        SpaceState.MAINTENANCE,
        SpaceState.FREE,
        SpaceState.OCCUPIED,
        SpaceState.FREE,
        SpaceState.RESERVED,
    ]
    assert made.spaces[A].contact is Contact.LOST
    assert made.changed == [A]


def test_a_reservation_has_a_step_for_its_start_its_arrival_and_its_end() -> None:
    made = turn(
        {A: space()},
        [
            (A, booking()),
            (A, seen(Occupancy.OCCUPIED, at=HOUR)),
            (A, seen(Occupancy.VACANT, at=2 * HOUR, f_cnt=2)),
            (A, ending(ReservationStatus.CANCELLED, hours=3)),
        ],
    )
    assert [(one.status, one.at - NOON, one.cause) for one in made.reservations] == [
        (ReservationStatus.HOLDING, 0 * HOUR, "clock"),
        (ReservationStatus.CHECKED_IN, HOUR, "None"),
        (ReservationStatus.RELEASED, 2 * HOUR, "None"),
        (ReservationStatus.CANCELLED, 3 * HOUR, "clock"),
    ]
    assert made.spaces[A].state is SpaceState.FREE


def test_a_reservation_under_a_parked_car_and_one_to_which_nobody_comes_are_noticed_once() -> None:
    parked = seen(Occupancy.OCCUPIED, at=-HOUR / 2)
    made = turn(
        {A: space()},
        [
            (A, parked),
            (A, booking()),
            (A, seen(Occupancy.OCCUPIED, at=HOUR, f_cnt=2)),
            (A, seen(Occupancy.VACANT, at=2 * HOUR, f_cnt=3)),
            (A, ending(ReservationStatus.NO_SHOW, hours=3)),
        ],
    )
    assert made.notices == [
        Notice(
            kind=NoticeKind.CONFLICT,
            at=NOON,
            space=A,
            details={"reservation": "r", "until": RESERVATION.end, "parked_since": parked.seen_at},
        ),
        Notice(kind=NoticeKind.NO_SHOW, at=NOON + 3 * HOUR, space=A, details={"reservation": "r"}),
    ]


def test_a_reservation_that_starts_in_maintenance_is_pending_when_it_ends_over_a_parked_car() -> None:
    made = turn(
        {A: space()},
        [
            (A, order(Service.MAINTENANCE, hours=-1)),
            (A, booking()),
            (A, seen(Occupancy.OCCUPIED, at=HOUR)),
            (A, order(Service.IN_SERVICE, hours=2)),
        ],
    )
    assert [(one.kind, one.at - NOON) for one in made.notices] == [(NoticeKind.CONFLICT, 2 * HOUR)]


def test_the_step_of_an_arrival_before_a_late_start_has_the_time_of_the_arrival() -> None:
    made = turn({A: space()}, [(A, seen(Occupancy.OCCUPIED, at=HOUR)), (A, booking())])
    assert [(one.status, one.at - NOON) for one in made.reservations] == [(ReservationStatus.CHECKED_IN, HOUR)]


def test_a_car_that_leaves_a_space_in_maintenance_releases_it_when_it_was_seen() -> None:
    made = turn(
        {A: space()},
        [
            (A, booking()),
            (A, seen(Occupancy.OCCUPIED, at=HOUR)),
            (A, order(Service.MAINTENANCE, hours=2)),
            (A, seen(Occupancy.VACANT, at=3 * HOUR, f_cnt=2)),
        ],
    )
    released = made.reservations[-1]
    assert (released.status, released.at - NOON) == (ReservationStatus.RELEASED, 3 * HOUR)


@pytest.mark.parametrize(
    ("hours", "status", "at"),
    [(7, ReservationStatus.RELEASED, 7), (8, ReservationStatus.COMPLETED, 8), (9, ReservationStatus.COMPLETED, 8)],
)
def test_a_car_that_leaves_after_the_end_has_completed_its_reservation(
    hours: int, status: ReservationStatus, at: int
) -> None:
    """Also if its uplink is faster than the clock, which would have ended it."""
    left = seen(Occupancy.VACANT, at=hours * HOUR, f_cnt=2)
    made = turn({A: space()}, [(A, booking()), (A, seen(Occupancy.OCCUPIED, at=HOUR)), (A, left)])
    assert (made.reservations[-1].status, made.reservations[-1].at - NOON) == (status, at * HOUR)
    assert made.spaces[A].state is SpaceState.FREE


def test_a_space_without_a_cause_is_the_same_object() -> None:
    """So the store writes only spaces with a difference."""
    before = {A: space(A), B: space(B)}
    made = turn(before, [(A, seen(Occupancy.OCCUPIED))])
    assert made.spaces[B] is before[B]
    assert made.changed == [A]
    assert made.spaces[A] == observe(before[A], seen(Occupancy.OCCUPIED))[0]


def test_an_observation_is_held_back_where_only_a_clock_makes_it_older() -> None:
    """Its counter is higher, and more than an hour lies between: the clock decides, and somebody is told which."""
    newer = seen(Occupancy.OCCUPIED, at=5 * HOUR, f_cnt=7, dev_addr="01")
    older = seen(Occupancy.VACANT, at=2 * HOUR, f_cnt=9, dev_addr="01")
    repeated = seen(Occupancy.VACANT, at=2 * HOUR, f_cnt=3, dev_addr="01")
    sign_of_life = seen(None, at=2 * HOUR, f_cnt=9, dev_addr="01")
    made = turn({A: space()}, [(A, newer), (A, older), (A, repeated), (A, sign_of_life)])
    assert made.held_back == [older]
    assert made.spaces[A].occupancy is Occupancy.OCCUPIED


def test_before_the_first_observation_nothing_is_held_back() -> None:
    assert turn({A: space()}, [(A, seen(None))]).held_back == []


@given(st.sampled_from(Occupancy), st.sampled_from([None, *Occupancy]), st.sampled_from([-1, 0, 1]))
def test_the_frame_of_the_occupancy_is_replaced_by_its_rereading(
    first: Occupancy, again: Occupancy | None, hours: int
) -> None:
    """Another frame counts if it is newer, as always."""
    before = turn({A: space()}, [(A, seen(first))]).spaces
    reread = turn(before, [(A, Rereading(seen(again, at=HOUR + hours * HOUR, f_cnt=1 + hours)))])
    expected = again if again is not None and hours >= 0 else first
    assert reread.spaces[A].occupancy is expected
    assert len(reread.steps) == (expected is not first)
    assert turn(reread.spaces, [(A, Rereading(seen(again, at=HOUR + hours * HOUR, f_cnt=1 + hours)))]).steps == []


# --- a sensor that is removed


def test_rule_13_a_space_without_its_sensor_is_neither_live_nor_occupied() -> None:
    made = turn({A: space()}, [(A, seen(Occupancy.OCCUPIED)), (A, removal(hours=2))])
    found = made.spaces[A]
    assert (found.state, found.occupancy, found.contact, found.heard_at) == (SpaceState.FREE, None, Contact.NEVER, None)
    assert [(one.before, one.after, one.at, one.cause) for one in made.steps] == [
        (SpaceState.FREE, SpaceState.OCCUPIED, NOON + HOUR, "None"),
        (SpaceState.OCCUPIED, SpaceState.FREE, NOON + 2 * HOUR, "removed by anna"),
    ]


def test_a_space_that_never_had_a_sensor_loses_none() -> None:
    made = turn({A: space()}, [(A, removal(hours=2))])
    assert (made.steps, made.changed) == ([], [])


def test_a_reservation_outlives_the_sensor_of_its_space() -> None:
    made = turn({A: space()}, [(A, booking()), (A, seen(Occupancy.OCCUPIED)), (A, removal(hours=2))])
    assert made.spaces[A].state is SpaceState.RESERVED


def test_a_sensor_that_comes_back_restores_the_state_and_repeats_no_step() -> None:
    frames = [seen(Occupancy.VACANT, f_cnt=1), seen(Occupancy.OCCUPIED, at=2 * HOUR, f_cnt=2)]
    story: list[tuple[SpaceId, Cause]] = [(A, one) for one in frames]
    story.append((A, removal(hours=3)))
    removed = turn({A: space()}, story)
    again = turn(removed.spaces, [(A, Rereading(one)) for one in frames])
    assert again.spaces[A].state is SpaceState.OCCUPIED
    assert again.spaces[A].contact is Contact.LIVE
    assert [(one.before, one.after, one.at) for one in again.steps] == [
        (SpaceState.FREE, SpaceState.OCCUPIED, NOON + 3 * HOUR)
    ]


# --- a car that stays for too long


def test_a_long_stay_is_flagged_once_and_the_flag_leaves_with_the_car() -> None:
    parked = turn({A: space()}, [(A, seen(Occupancy.OCCUPIED))]).spaces
    flagged = turn(parked, [(A, exceeded(since=1, hours=3))])
    assert flagged.spaces[A].overstay is Overstay.EXCEEDED
    assert (flagged.changed, flagged.steps) == ([A], [])
    assert [(one.kind, one.at) for one in flagged.notices] == [(NoticeKind.OVERSTAY, NOON + 3 * HOUR)]
    assert turn(flagged.spaces, [(A, exceeded(since=1, hours=4))]).changed == []
    gone = turn(flagged.spaces, [(A, seen(Occupancy.VACANT, at=5 * HOUR, f_cnt=2))])
    assert gone.spaces[A].overstay is None


def test_an_acknowledged_car_is_not_flagged_again() -> None:
    story: list[Cause] = [seen(Occupancy.OCCUPIED), exceeded(since=1, hours=3), acknowledged(hours=4)]
    story.append(exceeded(since=1, hours=5))
    made = turn({A: space()}, [(A, one) for one in story])
    assert made.spaces[A].overstay is Overstay.ACKNOWLEDGED
    assert made.spaces[A].version == 4


def test_the_flag_is_for_the_car_that_was_meant() -> None:
    """The car of the clock's question has left, and another one has come."""
    parked = turn({A: space()}, [(A, seen(Occupancy.OCCUPIED, at=2 * HOUR))]).spaces
    assert turn(parked, [(A, exceeded(since=1, hours=3))]).changed == []
    assert turn({A: space()}, [(A, exceeded(since=-1, hours=3)), (A, acknowledged(hours=4))]).changed == []


@given(st.lists(causes, max_size=20))
def test_only_an_occupied_space_is_flagged(stream: list[Cause]) -> None:
    found = turn({A: space()}, [(A, one) for one in stream]).spaces[A]
    assert found.overstay is None or found.state is SpaceState.OCCUPIED
