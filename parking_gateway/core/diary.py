"""The diary of a space: its live reservations, and what is due in it at a moment. Pure.

The clock, the requests and the calendars write the diary. What is due becomes causes of a turn.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from parking_gateway.core.causes import ReservationEnd, ReservationStart
from parking_gateway.core.reservation import Reservation, ReservationStatus
from parking_gateway.core.space import Contact, Space, SpaceId, SpaceState


class Booking(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A live reservation, with the rules of its zone."""

    id: str
    space: SpaceId
    start: datetime
    end: datetime
    status: ReservationStatus
    grace: timedelta
    """For how long the space is kept for a car that does not arrive."""
    is_kept_on_leaving: bool


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """A moment at which diaries are looked at."""

    now: datetime
    soon: timedelta = timedelta()
    """How long before its start a reservation begins to hold its space."""
    sees_arrivals: bool = True
    """Whether every arrival until now has reached the gateway. Else nobody is judged not to have come."""


def due(space: Space, bookings: Iterable[Booking], hours: Hours) -> Iterator[ReservationEnd | ReservationStart]:
    """What is due: the end of the reservation that holds the space, then the others by their starts. They do not overlap."""
    by_start = sorted(bookings, key=lambda booking: booking.start)
    is_kept = False
    before = space.offered_at  # when the one before was over, or later
    for one in by_start:
        if one.status is not ReservationStatus.BOOKED:
            end = _end(space, one, hours)
            is_kept = end is None
            if end is not None:
                before, status = end
                yield ReservationEnd(reservation=one.id, status=status, at=before, by=cause_of(one.id))
    for one in by_start:
        if one.status is not ReservationStatus.BOOKED:
            continue
        if one.end <= hours.now:
            # It has passed while no gateway worked. A sign that shows it now would be wrong.
            before = one.end
            yield ReservationEnd(reservation=one.id, status=ReservationStatus.EXPIRED, at=one.end, by=cause_of(one.id))
        elif one.start - hours.soon <= hours.now and not is_kept:
            is_kept = True
            yield ReservationStart(reservation=_held(one, hours.soon, before), by=cause_of(one.id))


def _held(one: Booking, soon: timedelta, before: datetime | None) -> Reservation:
    start = one.start - soon
    if before is not None:
        # A car that came for the one before is no arrival. A clock that was ahead delays no start.
        start = min(max(start, before), one.start)
    return Reservation(id=one.id, start=start, end=one.end, is_kept_on_leaving=one.is_kept_on_leaving)


def no_show_at(space: Space, one: Booking) -> datetime | None:
    """When nobody has come, if nobody comes until then. None: an arrival would not be seen, or there was one.

    The grace begins when the space can be used: at the start, or later if another car had to leave.
    """
    if one.status is not ReservationStatus.HOLDING or space.state is not SpaceState.RESERVED:
        return None
    return max(one.start, space.since) + one.grace if space.contact is Contact.LIVE else None


def cause_of(reservation: str) -> str:
    """The cause of a step that the clock makes for a reservation."""
    return f"reservation {reservation}"


def _end(space: Space, one: Booking, hours: Hours) -> tuple[datetime, ReservationStatus] | None:
    gone = no_show_at(space, one) if hours.sees_arrivals else None
    if gone is not None and gone <= hours.now and gone < one.end:
        return gone, ReservationStatus.NO_SHOW
    if one.end > hours.now:
        return None
    is_checked_in = one.status is ReservationStatus.CHECKED_IN
    return one.end, ReservationStatus.COMPLETED if is_checked_in else ReservationStatus.EXPIRED
