"""What is due in the diary of a space."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from decoders import Occupancy
from parking_gateway.core.causes import ReservationEnd, ReservationStart
from parking_gateway.core.diary import Booking, Hours, due, no_show_at
from parking_gateway.core.reservation import Reservation, ReservationStatus
from parking_gateway.core.space import Contact, Service, Space, SpaceId
from parking_gateway.core.turn import turn

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A = SpaceId(1)
SPACE = Space(id=A, since=NOON - 999 * MINUTE, contact=Contact.LIVE, heard_at=NOON)
B, H, C = ReservationStatus.BOOKED, ReservationStatus.HOLDING, ReservationStatus.CHECKED_IN


def at(minutes: int) -> datetime:
    return NOON + minutes * MINUTE


def booking(reservation: str, start: int, end: int, status: ReservationStatus = B) -> Booking:
    return Booking(
        id=reservation,
        space=A,
        start=at(start),
        end=at(end),
        status=status,
        grace=15 * MINUTE,
        is_kept_on_leaving=False,
    )


def found(
    now: int, *bookings: Booking, space: Space = SPACE, soon: int = 0, sees_arrivals: bool = True
) -> list[object]:
    """The causes, each as its id, its status or the word `start`, and its minute."""
    hours = Hours(now=at(now), soon=soon * MINUTE, sees_arrivals=sees_arrivals)
    return [
        (one.reservation.id, "start", (one.reservation.start - NOON) // MINUTE)
        if isinstance(one, ReservationStart)
        else (one.reservation, one.status.value, (one.at - NOON) // MINUTE)
        for one in due(space, bookings, hours)
    ]


HELD = msgspec.structs.replace(SPACE, since=at(10), reservation=Reservation(id="1", start=at(10), end=at(60)))


@pytest.mark.parametrize(
    ("now", "bookings", "expected"),
    [
        (9, [booking("1", 10, 60)], []),
        (10, [booking("1", 10, 60)], [("1", "start", 10)]),
        (60, [booking("1", 10, 60)], [("1", "expired", 60)]),
        (60, [booking("1", 10, 60, C)], [("1", "completed", 60)]),
        (60, [booking("1", 10, 60, H)], [("1", "no_show", 25)]),
        (25, [booking("1", 10, 60, H)], [("1", "no_show", 25)]),
        (24, [booking("1", 10, 60, H)], []),
        (20, [booking("1", 10, 20, H)], [("1", "expired", 20)]),
        (60, [booking("2", 60, 90), booking("1", 10, 60, C)], [("1", "completed", 60), ("2", "start", 60)]),
    ],
)
def test_whatever_is_due_comes_in_its_order_with_its_time(
    now: int, bookings: list[Booking], expected: list[object]
) -> None:
    assert found(now, *bookings, space=HELD) == expected


def test_one_that_is_reserved_soon_waits_for_the_one_before_it() -> None:
    """A car that came for the one before is no arrival, so it begins when that one was over."""
    bookings = booking("1", 10, 30, C), booking("2", 32, 60)
    assert found(29, *bookings, space=HELD, soon=10) == []
    assert found(31, *bookings, space=HELD, soon=10) == [("1", "completed", 30), ("2", "start", 30)]
    gone = booking("1", 10, 30, H), booking("2", 32, 60)
    assert found(28, *gone, space=HELD, soon=10) == [("1", "no_show", 25), ("2", "start", 25)]


def test_the_car_of_one_that_was_over_in_an_earlier_round_is_no_arrival_of_the_next() -> None:
    parked = msgspec.structs.replace(
        HELD,
        occupancy=Occupancy.OCCUPIED,
        since=at(12),
        reservation=Reservation(id="1", start=at(10), end=at(30), is_checked_in=True),
        offered_at=at(10),
    )
    cancelled = ReservationEnd(reservation="1", status=ReservationStatus.CANCELLED, at=at(20), by="anna")
    freed = turn({A: parked}, [(A, cancelled)]).spaces[A]
    (begun,) = due(freed, [booking("2", 32, 60)], Hours(now=at(21), soon=30 * MINUTE))
    made = turn({A: freed}, [(A, begun)])
    assert [(one.status, one.at) for one in made.reservations] == [(H, at(20))]


def test_no_reservation_begins_later_than_its_start_because_a_clock_was_ahead() -> None:
    ahead = msgspec.structs.replace(SPACE, offered_at=at(99))
    assert found(31, booking("1", 32, 60), space=ahead, soon=10) == [("1", "start", 32)]


@pytest.mark.parametrize(
    "space",
    [
        msgspec.structs.replace(HELD, contact=Contact.LOST),
        msgspec.structs.replace(HELD, service=Service.MAINTENANCE),
        msgspec.structs.replace(HELD, occupancy=Occupancy.OCCUPIED),
    ],
)
def test_nobody_is_judged_where_an_arrival_would_not_be_seen(space: Space) -> None:
    assert no_show_at(space, booking("1", 10, 60, H)) is None
    assert no_show_at(HELD, booking("1", 10, 60, C)) is None
    assert found(59, booking("1", 10, 60, H), space=HELD, sees_arrivals=False) == []


def test_the_grace_begins_when_the_space_can_be_used() -> None:
    freed = msgspec.structs.replace(HELD, since=at(20))
    assert no_show_at(freed, booking("1", 10, 60, H)) == at(35)
    shown_early = msgspec.structs.replace(HELD, since=at(5))
    assert no_show_at(shown_early, booking("1", 10, 60, H)) == at(25)
