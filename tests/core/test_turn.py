"""The door: whatever the cause, a turn is the state machine applied in order, and nothing else."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway.core.reservation import Reservation
from parking_gateway.core.space import (
    LEGAL_STEPS,
    Contact,
    Observation,
    Service,
    Space,
    SpaceId,
    SpaceState,
    observe,
)
from parking_gateway.core.turn import Cause, Rereading, ReservationChange, ServiceOrder, Silence, turn

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


def booking(reservation: Reservation | None, *, hours: int) -> ReservationChange:
    return ReservationChange(reservation=reservation, at=NOON + hours * HOUR, by="clock")


causes = st.one_of(
    st.builds(
        seen, st.sampled_from([None, *Occupancy]), at=st.integers(-3, 9).map(HOUR.__mul__), f_cnt=st.integers(0, 99)
    ),
    st.builds(silence, hours=st.integers(-3, 12)),
    st.builds(order, st.sampled_from(Service), hours=st.integers(-3, 12)),
    st.builds(booking, st.sampled_from([None, RESERVATION]), hours=st.integers(-3, 12)),
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


def test_every_cause_has_its_way_into_the_space() -> None:
    made = turn(
        {A: space()},
        [
            (A, seen(Occupancy.OCCUPIED)),
            (A, order(Service.MAINTENANCE, hours=2)),
            (A, order(Service.IN_SERVICE, hours=3)),
            (A, seen(Occupancy.VACANT, at=4 * HOUR, f_cnt=2)),
            (A, booking(RESERVATION, hours=5)),
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
