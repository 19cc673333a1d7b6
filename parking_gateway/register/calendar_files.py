"""Calendars as iCalendar files (RFC 5545): events become bookings, and reservations become events.

The libraries `icalendar` and `recurring-ical-events` read the format and expand recurring events. They are an extra of the
installation: `parking-gateway[calendars]`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from parking_gateway.core.printable import printable, shortened
from parking_gateway.core.reservation import ReservationStatus
from parking_gateway.store.reservations import ListedReservation

if TYPE_CHECKING:
    import icalendar

MOST: Final = 10_000
"""Events of one file within the horizon."""
_DAY: Final = timedelta(days=1)
_LONGEST_UID: Final = 1000
_LONGEST_TEXT: Final = 500
_WRONG: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""The libraries raise these for files that are no calendars."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event, or one recurrence of it."""

    uid: str
    recurrence: str
    """When this recurrence would begin if nobody had moved it. Empty: the event does not recur."""
    start: datetime
    end: datetime
    summary: str | None = None
    description: str | None = None


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file within a horizon."""

    events: tuple[Event, ...] = ()
    """Those that are not over, by their starts."""
    left_out: tuple[str, ...] = ()
    """A sentence for each event that reserves nothing by mistake."""


def read(content: bytes, *, zone: ZoneInfo, now: datetime, until: datetime, most: int = MOST) -> Calendar | str:
    """The events that end after `now` and start before `until`. A sentence: the file is no calendar.

    Times without a zone, and whole days, are those of `zone`. Cancelled events, and those that show their time as free, are left
    out.
    """
    import icalendar  # noqa: PLC0415 - an extra of the installation

    try:
        found = icalendar.Calendar.from_ical(content, multiple=True)
        if not found:
            return "it contains no VCALENDAR"
        return _expanded(found, zone=zone, now=now, until=until, most=most)
    except _WRONG as error:
        return f"it cannot be read as iCalendar: {shortened(printable(str(error)), _LONGEST_TEXT)}"


def write(reservations: Iterable[ListedReservation], *, now: datetime) -> bytes:
    """Reservations as an iCalendar file, an event for each."""
    import icalendar  # noqa: PLC0415 - as above

    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//parking-gateway//reservations//")
    calendar.add("version", "2.0")
    for one in reservations:
        event = icalendar.Event()
        event.add("uid", f"reservation-{one.reservation}@parking-gateway")
        event.add("dtstamp", now)
        event.add("dtstart", one.start)
        event.add("dtend", one.end)
        event.add("summary", one.holder or f"Reservation {one.reservation}")
        event.add("location", f"{one.site}/{one.zone}/{one.space}")
        if one.note:
            event.add("description", one.note)
        event.add("status", "CANCELLED" if one.status is ReservationStatus.CANCELLED else "CONFIRMED")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _expanded(
    calendars: Iterable["icalendar.Component"], *, zone: ZoneInfo, now: datetime, until: datetime, most: int
) -> Calendar | str:
    import recurring_ical_events  # noqa: PLC0415 - as above

    events: list[Event] = []
    left_out: list[str] = []
    for calendar in calendars:
        recurring = {_text(one.get("UID")) for one in calendar.walk("VEVENT") if _RECURS & one.keys()}
        # A day more at both ends, because the library orders days and local times by its own rules.
        for number, component in enumerate(recurring_ical_events.of(calendar).after(now - _DAY)):
            start = _utc(component.start, zone)
            if start >= until + _DAY:
                break
            if number == most:
                return f"it has more than {most:,} events within the horizon: choose fewer days"
            event = _event(component, recurring, zone) if start < until else None
            if isinstance(event, str):
                left_out.append(event)
            elif event is not None and event.end > now:
                events.append(event)
    return Calendar(events=tuple(sorted(events, key=lambda one: one.start)), left_out=tuple(left_out))


_RECURS: Final = frozenset({"RRULE", "RDATE", "RECURRENCE-ID"})


def _event(component: Any, recurring: Iterable[str], zone: ZoneInfo) -> Event | str | None:
    """An event; a sentence: why it is left out; None: it is left out on purpose."""
    if component.get("STATUS") == "CANCELLED" or component.get("TRANSP") == "TRANSPARENT":
        return None
    uid, start, end = _text(component.get("UID")), _utc(component.start, zone), _utc(component.end, zone)
    named = f"the event of {start:%Y-%m-%d %H:%M} UTC"
    if not uid or len(uid) > _LONGEST_UID:
        return f"{named} has no UID, or a too long one"
    if end <= start:
        return f"{named} ({shortened(uid, 100)}) has no duration"
    recurrence = component["RECURRENCE-ID"].dt if uid in recurring and "RECURRENCE-ID" in component else None
    return Event(
        uid=uid,
        recurrence="" if recurrence is None else _utc(recurrence, zone).isoformat(),
        start=start,
        end=end,
        summary=_short(component.get("SUMMARY")),
        description=_short(component.get("DESCRIPTION")),
    )


def _utc(at: date, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _text(value: object) -> str:
    return "" if value is None else printable(str(value))


def _short(value: object) -> str | None:
    return shortened(_text(value), _LONGEST_TEXT) or None
