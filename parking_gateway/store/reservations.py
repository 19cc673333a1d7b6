"""Reservations: changed and listed. `booking` writes new ones, and `diaries` reads what the clock needs of them.

Whoever changes a reservation has locked its space before.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
import sqlalchemy as sa

from parking_gateway.core.reservation import LIVE, ReservationStatus, ReservationStep
from parking_gateway.core.space import SpaceId
from parking_gateway.store.old_rows import deletion
from parking_gateway.store.query import Query, Statement, asks, command
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import reservation

IS_LIVE: Final = f"status in ({', '.join(repr(one.value) for one in sorted(LIVE))})"
OVERLAP: Final = "reservation_no_overlap"
"""The constraint that no two live reservations of a space overlap."""


class ListedReservation(msgspec.Struct, frozen=True, omit_defaults=False):
    """A reservation as people look at it."""

    reservation: str
    """Its id."""
    site: str | None
    zone: str | None
    space: str | None
    """The names that the space has, or had when it was removed."""
    start: datetime
    end: datetime
    status: ReservationStatus
    holder: str | None
    note: str | None
    by: str
    request_id: str | None
    checked_in_at: datetime | None
    ended_at: datetime | None
    why: str | None


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which reservations are listed: those of a place that have a moment from `start` to `end`."""

    site: str | None = None
    zone: str | None = None
    space: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    is_ended_too: bool = False
    limit: int = 1000


class Kept(msgspec.Struct, frozen=True):
    """A reservation as requests and calendars change it."""

    id: str
    space: SpaceId
    start: datetime
    end: datetime
    status: ReservationStatus
    wished_zone: str | None
    uid: str | None
    recurrence: str | None
    holder: str | None
    note: str | None
    why: str | None


delete_old: Final = deletion(reservation.c.ended_at)
_LISTED: Final = """
select
    cast(reservation.id as text) as reservation, name.site, name.zone, name.name, lower(during), upper(during), status, holder, note, by,
    request_id, checked_in_at, ended_at, why
from reservation
left join lateral (
    select site, zone, name from space_name where space_name.space = reservation.space_id order by until desc limit 1
) as name on true
"""
_LIST: Final = Statement(
    sa.text(f"""
{_LISTED}
where
    (cast(:site as text) is null or name.site = cast(:site as text))
    and (cast(:zone as text) is null or name.zone = cast(:zone as text))
    and (cast(:space as text) is null or name.name = cast(:space as text))
    and (cast(:is_ended_too as boolean) or {IS_LIVE})
    and during && tstzrange(cast(:start as timestamptz), cast(:end as timestamptz), '[)')
order by lower(during), reservation.id
limit cast(:limit as bigint)
""")
)
_GET: Final = Statement(sa.text(f"{_LISTED} where reservation.id = cast(:id as bigint)"))
_OF_REQUEST: Final = Statement(sa.text(f"{_LISTED} where request_id = cast(:request_id as text)"))
_KEPT: Final = """
select
    cast(id as text) as reservation, space_id, lower(during), upper(during), status, wished_zone, uid, recurrence, holder, note, why
from reservation
"""
_READ: Final = Statement(sa.text(f"{_KEPT} where id = cast(:id as bigint)"))
_OF_CALENDAR: Final = Statement(
    sa.text(f"""
{_KEPT}
where calendar = cast(:calendar as text) and (upper(during) > cast(:now as timestamptz) or {IS_LIVE})
order by id
""")
)
_ADVANCE: Final = Statement(
    sa.text("""
with locked as (
    select reservation.id, batch.status, batch.checked_in_at, batch.ended_at, batch.why
    from reservation
    join unnest(
        cast(:id as bigint[]), cast(:status as text[]), cast(:checked_in_at as timestamptz[]),
        cast(:ended_at as timestamptz[]), cast(:why as text[])
    ) as batch (id, status, checked_in_at, ended_at, why) on batch.id = reservation.id
    order by reservation.id
    for no key update of reservation
)
update reservation
set
    status = locked.status, checked_in_at = coalesce(locked.checked_in_at, reservation.checked_in_at),
    ended_at = locked.ended_at, why = locked.why
from locked
where reservation.id = locked.id
""")
)
_MOVE: Final = Statement(
    sa.text(f"""
update reservation
set during = tstzrange(cast(:start as timestamptz), cast(:end as timestamptz), '[)')
where
    id = cast(:id as bigint)
    and not exists (
        select
        from reservation as other
        where
            other.id <> reservation.id and other.{IS_LIVE}
            and int8range(other.space_id, other.space_id, '[]')
                && int8range(reservation.space_id, reservation.space_id, '[]')
            and other.during && tstzrange(cast(:start as timestamptz), cast(:end as timestamptz), '[)')
    )
returning cast(id as text) as reservation
""")
)

_DESCRIBE: Final = Statement(
    sa.text("""
with locked as (
    select reservation.id, batch.holder, batch.note
    from reservation
    join unnest(cast(:id as bigint[]), cast(:holder as text[]), cast(:note as text[])) as batch (id, holder, note)
        on batch.id = reservation.id
    order by reservation.id
    for no key update of reservation
)
update reservation
set holder = locked.holder, note = locked.note
from locked
where reservation.id = locked.id
""")
)


def listed(sought: Sought) -> Query[list[ListedReservation]]:
    """The reservations in the order of their starts."""
    return asks(_LIST, _listed, msgspec.structs.asdict(sought))


def get(reservation: str) -> Query[list[ListedReservation]]:
    """The reservation, if there is one of this id."""
    return asks(_GET, _listed, {"id": reservation})


def of_request(request_id: str) -> Query[list[ListedReservation]]:
    """The reservation of a request, if it has made one."""
    return asks(_OF_REQUEST, _listed, {"request_id": request_id})


def read(reservation: str) -> Query[list[Kept]]:
    """The reservation as it can be changed, if there is one of this id."""
    return asks(_READ, _kept, {"id": reservation})


def of_calendar(calendar: str, *, now: datetime) -> Query[list[Kept]]:
    """The reservations of a calendar that are not past, and whatever became of them."""
    return asks(_OF_CALENDAR, _kept, {"calendar": calendar, "now": now})


def advance(steps: Iterable[ReservationStep]) -> Query[None]:
    """Write what becomes of reservations. Of several steps of one, the last decides."""
    last: dict[int, ReservationStep] = {}
    checked_in: dict[int, datetime] = {}
    for step in steps:
        number = int(step.reservation)
        last[number] = step
        if step.status is ReservationStatus.CHECKED_IN:
            checked_in[number] = step.at
    columns = arrays(
        id=list(last),
        status=[one.status for one in last.values()],
        checked_in_at=[checked_in.get(number) for number in last],
        ended_at=[None if one.status in LIVE else one.at for one in last.values()],
        why=[None if one.status in LIVE else one.cause for one in last.values()],
    )
    return command(_ADVANCE, columns)


def move(reservation: str, *, start: datetime, end: datetime) -> Query[bool]:
    """Set its time range. False: another reservation of the space has a part of it.

    One that is written at this moment is not seen. It makes the statement fail, and `is_overlap` recognises the error.
    """
    return Query(statement=_MOVE, arguments={"id": reservation, "start": start, "end": end}, read=bool)


def describe(texts: Sequence[tuple[str, str | None, str | None]]) -> Query[None]:
    """Set holder and note of reservations, each given by its id."""
    columns = arrays(
        id=[int(reservation) for reservation, _, _ in texts],
        holder=[holder for _, holder, _ in texts],
        note=[note for _, _, note in texts],
    )
    return command(_DESCRIBE, columns)


def is_overlap(error: BaseException) -> bool:
    """Whether the database refused a time range, because another reservation of the space has a part of it."""
    return isinstance(error, psycopg.errors.ExclusionViolation) and error.diag.constraint_name == OVERLAP


def _listed(*row: Any) -> ListedReservation:
    return msgspec.structs.replace(ListedReservation(*row), status=ReservationStatus(row[6]))


def _kept(*row: Any) -> Kept:
    return msgspec.structs.replace(Kept(*row), status=ReservationStatus(row[4]))
