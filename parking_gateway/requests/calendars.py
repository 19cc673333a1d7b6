"""A calendar of a space or zone becomes reservations, and becomes them again when it has changed.

An event is known by its UID, and a recurrence of it by the time at which it would begin if nobody had moved it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from parking_gateway.core.audience import Audience
from parking_gateway.core.causes import ReservationEnd, ReservationExtension
from parking_gateway.core.committed import Committed, committed_by, together
from parking_gateway.core.diary import cause_of
from parking_gateway.core.reservation import LIVE, ReservationStatus
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import turn
from parking_gateway.register import calendar_files
from parking_gateway.register.calendar_files import Event
from parking_gateway.requests.booking import book
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfSpace, OfZone, space_of, spaces_of
from parking_gateway.requests.times import zone_of
from parking_gateway.store import booking, places, reservations, spaces, turns
from parking_gateway.store.booking import NewReservation
from parking_gateway.store.reservations import Kept

_GONE: Final = "not in its calendar any more"
_MOVED: Final = "moved in its calendar"


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an import."""

    created: int
    moved: int
    """Events that have their reservation at another time now, perhaps on another space of the zone."""
    cancelled: int
    """Events that the calendar does not have any more."""
    unchanged: int
    refused: list[str]
    """A sentence for each event that reserves nothing."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The difference between a calendar and its reservations."""

    new: list[Event]
    moved: list[tuple[Kept, Event]]
    longer: list[tuple[Kept, Event]]
    """Events that have begun, with another end."""
    gone: list[Kept]
    described: list[tuple[Kept, Event]]
    """Events with other texts."""
    unchanged: int


async def import_file(
    desk: Desk, content: bytes, place: Mapping[str, str], *, days: int, audience: str | None = None
) -> Answer | Refusal:
    """Make reservations of the events of an iCalendar file that begin within so many days."""
    try:
        named = msgspec.convert(place, OfSpace if "space" in place else OfZone)
        wished = None if audience is None else Audience(audience)
    except ValueError as error:  # msgspec's is one
        return Refusal(Code.INVALID, str(error))
    until = desk.now + timedelta(days=days)
    read = calendar_files.read(content, zone=await zone_of(desk, named.site), now=desk.now, until=until)
    if isinstance(read, str):
        return Refusal(Code.INVALID, f"The file is no calendar: {read}")
    outcome = await synchronise(desk, named, read.events, until=until, audience=wished)
    if isinstance(outcome, Refusal):
        return outcome
    data = msgspec.structs.replace(outcome.data, refused=[*read.left_out, *outcome.data.refused])
    return msgspec.structs.replace(outcome, data=data)


async def synchronise(
    desk: Desk, place: OfZone, events: Sequence[Event], *, until: datetime, audience: Audience | None = None
) -> Answer | Refusal:
    """Make the reservations of the place's calendar those of the events up to this horizon."""
    if isinstance(known := await spaces_of(desk, place), Refusal):
        return known
    calendar = await _calendar_of(desk, place)
    await desk.connection.together(booking.lock_calendar(calendar))
    (kept,) = await desk.connection.together(reservations.of_calendar(calendar, now=desk.now))
    plan = planned(kept, events, until=until)
    cancelled = await _cancel(desk, plan)
    longer, too_long = await _lengthen(desk, plan.longer)
    if texts := [(one.id, event.summary, event.description) for one, event in (*plan.described, *plan.longer)]:
        await desk.connection.together(reservations.describe(texts))
    uncreated = await _reserve(desk, place, plan.new, calendar=calendar, audience=audience)
    unmoved = await _reserve(desk, place, [event for _, event in plan.moved], calendar=calendar, audience=audience)
    outcome = Imported(
        created=len(plan.new) - len(uncreated),
        moved=len(plan.moved) - len(unmoved) + len(plan.longer) - len(too_long),
        cancelled=len(plan.gone),
        unchanged=plan.unchanged,
        refused=[*too_long, *uncreated, *unmoved],
    )
    return Answer(outcome, together(cancelled, longer))


async def _calendar_of(desk: Desk, place: OfZone) -> str:
    """The name of the place's calendar, which outlives a renaming."""
    if isinstance(place, OfSpace):
        space = await space_of(desk, place)
        return f"space {space}"
    ((zone,),) = await desk.connection.together(places.zone_id(site=place.site, zone=place.zone))
    return f"zone {zone}"


def planned(kept: Iterable[Kept], events: Iterable[Event], *, until: datetime) -> Plan:
    """Compare the reservations of a calendar with its events."""
    last = {(one.uid, one.recurrence): one for one in kept}
    new: list[Event] = []
    moved: list[tuple[Kept, Event]] = []
    longer: list[tuple[Kept, Event]] = []
    described: list[tuple[Kept, Event]] = []
    unchanged = 0
    for event in events:
        one = last.pop((event.uid, event.recurrence), None)
        if one is None or (one.status not in LIVE and _is_again(one, event)):
            new.append(event)
        elif one.status not in LIVE or (one.start, one.end) == (event.start, event.end):
            unchanged += 1
            if (one.holder, one.note) != (event.summary, event.description):
                described.append((one, event))
        elif one.status is not ReservationStatus.BOOKED and one.start == event.start:
            longer.append((one, event))
        else:
            moved.append((one, event))
    gone = [one for one in last.values() if one.status in LIVE and one.start < until]
    return Plan(new=new, moved=moved, longer=longer, gone=gone, described=described, unchanged=unchanged)


def _is_again(one: Kept, event: Event) -> bool:
    """Whether the event reserves again after its reservation is over: an import cancelled it, or it has another time.

    If a move succeeded, the event has a later reservation, and that one is compared. So one that was cancelled by a move is the
    last one only if the move was refused.
    """
    return one.why in (_GONE, _MOVED) or one.start != event.start


async def _reserve(
    desk: Desk, place: OfZone, events: Iterable[Event], *, calendar: str, audience: Audience | None
) -> list[str]:
    """Reserve for each event. Returns a sentence for each that is refused."""
    refused: list[str] = []
    for event in events:
        new = NewReservation(
            start=event.start,
            end=event.end,
            by=desk.by,
            wished_zone=None if isinstance(place, OfSpace) else f"{place.site}/{place.zone}",
            wished_audience=audience,
            holder=event.summary,
            note=event.description,
            calendar=calendar,
            uid=event.uid,
            recurrence=event.recurrence,
        )
        made = await book(desk, place, new)
        if isinstance(made, Refusal):
            refused.append(f"{_named(event)}: {made.message}")
    return refused


async def _cancel(desk: Desk, plan: Plan) -> Committed:
    ends = [(one, _GONE) for one in plan.gone] + [(one, _MOVED) for one, _ in plan.moved]
    if not ends:
        return Committed()
    (locked,) = await desk.connection.together(spaces.lock_by_id({one.space for one, _ in ends}))
    made = turn(
        locked.spaces,
        [
            (one.space, ReservationEnd(reservation=one.id, status=ReservationStatus.CANCELLED, at=desk.now, by=why))
            for one, why in ends
        ],
    )
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return committed_by(made)


async def _lengthen(desk: Desk, longer: Sequence[tuple[Kept, Event]]) -> tuple[Committed, list[str]]:
    """Set the ends of events that have begun. Returns a sentence for each that would reach another reservation."""
    if not longer:
        return Committed(), []
    (locked,) = await desk.connection.together(spaces.lock_by_id({one.space for one, _ in longer}))
    causes: list[tuple[SpaceId, ReservationExtension]] = []
    refused: list[str] = []
    for one, event in longer:
        (is_moved,) = await desk.connection.together(reservations.move(one.id, start=one.start, end=event.end))
        if is_moved:
            by = cause_of(one.id)
            causes.append((one.space, ReservationExtension(reservation=one.id, end=event.end, at=desk.now, by=by)))
        else:
            refused.append(f"{_named(event)}: another reservation of the space begins before the new end")
    made = turn(locked.spaces, causes)
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return committed_by(made), refused


def _named(event: Event) -> str:
    return f"{event.summary or event.uid} ({event.start:%Y-%m-%d %H:%M} UTC)"
