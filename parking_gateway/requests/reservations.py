"""Verbs about reservations: create, cancel, extend and list."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from parking_gateway.core.audience import Audience
from parking_gateway.core.causes import ReservationEnd, ReservationExtension
from parking_gateway.core.committed import committed_by
from parking_gateway.core.diary import cause_of
from parking_gateway.core.reservation import LIVE, ReservationStatus
from parking_gateway.core.turn import turn
from parking_gateway.requests.booking import book
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import Name, OfSpace, OfZone
from parking_gateway.requests.times import utc
from parking_gateway.requests.verbs import verb
from parking_gateway.store import reservations, spaces, turns
from parking_gateway.store.booking import NewReservation
from parking_gateway.store.reservations import Kept, ListedReservation, Sought
from parking_gateway.store.spaces import Locked
from parking_gateway.store.verdicts import FAILURES

Time = Annotated[datetime, msgspec.Meta(description="RFC 3339. Without an offset it is the local time of the site.")]
Id = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$", description="The id of the reservation.")]
RequestId = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=200,
        description="Unique for each reservation. The same request again changes nothing and has the same answer.",
    ),
]
Words = Annotated[str, msgspec.Meta(max_length=500)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
_ORDER: Final = "The end must come after the start"
_OVER: Final = "{} is over: its status is {}"


class ReservationCreate(OfZone, frozen=True, kw_only=True):
    """Reserve a space, or any free space of a zone."""

    space: Annotated[Name, msgspec.Meta(description="Left out: any free space of the zone.")] | None = None
    audience: Audience | None = None
    """Of any free space. Left out: a space for everybody."""
    start: Time
    end: Time
    request_id: RequestId
    holder: Words | None = None
    """For whom it is."""
    note: Words | None = None


class ReservationCancel(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel a reservation."""

    reservation: Id


class ReservationExtend(msgspec.Struct, frozen=True, kw_only=True):
    """Set another end of a reservation, which may be earlier too."""

    reservation: Id
    end: Time


class ReservationList(msgspec.Struct, frozen=True, kw_only=True):
    """List reservations in the order of their starts."""

    site: Name | None = None
    zone: Name | None = None
    space: Name | None = None
    start: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    end: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    ended: bool = False
    """Whether ended ones are listed too."""
    limit: Limit = 1000


@verb("reservation/create", ReservationCreate)
async def create(desk: Desk, asked: ReservationCreate) -> Answer | Refusal:
    """Reserve a space, or any free space of a zone, for a time range."""
    start, end = await utc(desk, asked.site, asked.start), await utc(desk, asked.site, asked.end)
    if end <= start:
        return Refusal(Code.INVALID, _ORDER)
    if end <= desk.now:
        return Refusal(Code.INVALID, "The end is past")
    if asked.space is not None and asked.audience is not None:
        return Refusal(Code.INVALID, "audience chooses any free space of the zone: leave out space, or audience")
    if (known := await _known(desk, asked, start)) is not None:
        return known
    new = NewReservation(
        start=start,
        end=end,
        by=desk.by,
        request_id=asked.request_id,
        wished_zone=None if asked.space is not None else f"{asked.site}/{asked.zone}",
        wished_audience=asked.audience,
        holder=asked.holder,
        note=asked.note,
    )
    place: OfZone = OfZone(site=asked.site, zone=asked.zone)
    if asked.space is not None:
        place = OfSpace(site=asked.site, zone=asked.zone, space=asked.space)
    made = await book(desk, place, new)
    if isinstance(made, Refusal):
        # Perhaps the same request came twice at once.
        return await _known(desk, asked, start) or made
    return Answer(await _listed(desk, made))


@verb("reservation/cancel", ReservationCancel)
async def cancel(desk: Desk, asked: ReservationCancel) -> Answer | Refusal:
    """Cancel a reservation. A space that it holds is free again, unless a car stands there."""
    found = await _lock(desk, asked.reservation)
    if isinstance(found, Refusal):
        return found
    locked, one = found
    if one.status is ReservationStatus.CANCELLED:
        return Answer(await _listed(desk, one.id))
    if one.status not in LIVE:
        return Refusal(Code.CONFLICT, _OVER.format(f"Reservation {one.id}", one.status))
    by = desk.cause(cause_of(one.id))
    end = ReservationEnd(reservation=one.id, status=ReservationStatus.CANCELLED, at=desk.now, by=by)
    made = turn(locked.spaces, [(one.space, end)])
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return Answer(await _listed(desk, one.id), committed_by(made))


@verb("reservation/extend", ReservationExtend)
async def extend(desk: Desk, asked: ReservationExtend) -> Answer | Refusal:
    """Set another end of a reservation. It may not overlap the next one."""
    found = await _lock(desk, asked.reservation)
    if isinstance(found, Refusal):
        return found
    locked, one = found
    if one.status not in LIVE:
        return Refusal(Code.CONFLICT, _OVER.format(f"Reservation {one.id}", one.status))
    listed = await _listed(desk, one.id)
    end = await utc(desk, listed.site, asked.end)
    if end <= max(one.start, desk.now):
        return Refusal(
            Code.INVALID, "The end must come after the start, and after now: a reservation is ended by cancel"
        )
    change = ReservationExtension(reservation=one.id, end=end, at=desk.now, by=desk.cause(cause_of(one.id)))
    made = turn(locked.spaces, [(one.space, change)])
    try:
        (is_moved,) = await desk.connection.together(reservations.move(one.id, start=one.start, end=end))
    except FAILURES as error:
        if not reservations.is_overlap(error):
            raise
        is_moved = False
    if not is_moved:
        return Refusal(Code.CONFLICT, "Another reservation of the space begins before this end: choose an earlier one")
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return Answer(await _listed(desk, one.id), committed_by(made))


@verb("reservation/list", ReservationList)
async def list_(desk: Desk, asked: ReservationList) -> Answer | Refusal:
    """List the reservations of a place and a time range."""
    if asked.start is not None and asked.end is not None and asked.end <= asked.start:
        return Refusal(Code.INVALID, _ORDER)
    (found,) = await desk.connection.together(
        reservations.listed(
            Sought(
                site=asked.site,
                zone=asked.zone,
                space=asked.space,
                start=asked.start,
                end=asked.end,
                is_ended_too=asked.ended,
                limit=asked.limit,
            )
        )
    )
    return Answer({"reservations": found})


async def _known(desk: Desk, asked: ReservationCreate, start: datetime) -> Answer | Refusal | None:
    """The answer to a request that has been carried out before. None: it has not."""
    (found,) = await desk.connection.together(reservations.of_request(asked.request_id))
    if not found:
        return None
    (one,) = found
    is_same = (one.site, one.zone, one.start) == (asked.site, asked.zone, start) and asked.space in {None, one.space}
    if is_same:
        return Answer(one)
    return Refusal(Code.CONFLICT, f"The request_id belongs to reservation {one.reservation}: give each request its own")


async def _lock(desk: Desk, reservation: str) -> tuple[Locked, Kept] | Refusal:
    """Lock the space of the reservation, and read the reservation as it is since then."""
    (found,) = await desk.connection.together(reservations.read(reservation))
    if not found:
        return Refusal(
            Code.NOT_FOUND, f"There is no reservation {reservation}: `parking-gateway reservations list` lists all"
        )
    locked, (one,) = await desk.connection.together(spaces.lock_by_id([found[0].space]), reservations.read(reservation))
    return locked, one


async def _listed(desk: Desk, reservation: str) -> ListedReservation:
    ((one,),) = await desk.connection.together(reservations.get(reservation))
    return one
