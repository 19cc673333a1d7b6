"""A reservation is written: for one space, or for any free space of a zone. The database refuses an overlap."""

from parking_gateway.requests.desk import Code, Desk, Refusal
from parking_gateway.requests.places import OfSpace, OfZone, space_of, spaces_of
from parking_gateway.store import booking, reservations
from parking_gateway.store.booking import NewReservation, Wish
from parking_gateway.store.reservations import Sought


async def book(desk: Desk, place: OfZone, new: NewReservation) -> str | Refusal:
    """Reserve the space, or any free space of the zone. Returns the id of the reservation."""
    return await (_book_space(desk, place, new) if isinstance(place, OfSpace) else _book_any(desk, place, new))


async def _book_space(desk: Desk, place: OfSpace, new: NewReservation) -> str | Refusal:
    space = await space_of(desk, place)
    if isinstance(space, Refusal):
        return space
    (made,) = await desk.connection.together(booking.book(space, new))
    if made is not None:
        return made
    (others,) = await desk.connection.together(
        reservations.listed(
            Sought(site=place.site, zone=place.zone, space=place.space, start=new.start, end=new.end, limit=1)
        )
    )
    which = f"reservation {others[0].reservation} ({others[0].start} to {others[0].end})" if others else "another one"
    return Refusal(Code.CONFLICT, f"The space is taken then by {which}: choose another time or space")


async def _book_any(desk: Desk, zone: OfZone, new: NewReservation) -> str | Refusal:
    known = await spaces_of(desk, zone)
    if isinstance(known, Refusal):
        return known
    wish = Wish(site=zone.site, zone=zone.zone, audience=new.wished_audience, begins_now=new.start <= desk.now)
    attempt = booking.book_any
    while True:
        (chosen,) = await desk.connection.together(attempt(wish, new))
        if chosen.reservation is not None:
            return chosen.reservation
        if not chosen.is_any_free or await _is_known(desk, new):
            return Refusal(Code.CONFLICT, "No space of the zone is free then: choose another time, zone or audience")
        # Another requester was faster, or tries all free spaces now. The next attempt sees what it has written, so fewer spaces
        # are free with every attempt that fails.
        attempt = booking.book_first


async def _is_known(desk: Desk, new: NewReservation) -> bool:
    """Whether the same request, come twice, has been carried out meanwhile."""
    if new.request_id is None:
        return False
    (found,) = await desk.connection.together(reservations.of_request(new.request_id))
    return bool(found)
