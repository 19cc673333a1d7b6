"""A reservation is written: of a space, or of any free space of a zone.

It needs no lock: the constraint `reservation_no_overlap` decides, however many are written at once.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.reservations import IS_LIVE


class NewReservation(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation to be written. Its space is chosen beside it."""

    start: datetime
    end: datetime
    by: str
    request_id: str | None = None
    wished_zone: str | None = None
    wished_audience: str | None = None
    holder: str | None = None
    note: str | None = None
    calendar: str | None = None
    uid: str | None = None
    recurrence: str | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Any free space of a zone."""

    site: str
    zone: str
    audience: str | None = None
    """None: a space for everybody."""
    begins_now: bool = False
    """Whether only a space counts on which no car stands."""


class Chosen(msgspec.Struct, frozen=True):
    """The result of one attempt to reserve any free space."""

    is_any_free: bool
    """False: there is no space for the wish."""
    reservation: str | None
    """None: another requester was faster. The next attempt sees it."""


_COLUMNS: Final = "during, by, request_id, wished_zone, wished_audience, holder, note, calendar, uid, recurrence"
_VALUES: Final = """
    tstzrange(cast(:start as timestamptz), cast(:end as timestamptz), '[)'), cast(:by as text), cast(:request_id as text),
    cast(:wished_zone as text), cast(:wished_audience as text), cast(:holder as text), cast(:note as text),
    cast(:calendar as text), cast(:uid as text), cast(:recurrence as text)"""
_OVERLAPS: Final = f"""
    {IS_LIVE} and int8range(reservation.space_id, reservation.space_id, '[]') && int8range(space.id, space.id, '[]')
    and during && tstzrange(cast(:start as timestamptz), cast(:end as timestamptz), '[)')"""
_BOOK: Final = Statement(
    sa.text(f"""
insert into reservation (space_id, {_COLUMNS})
values (cast(:space as bigint), {_VALUES})
on conflict do nothing
returning cast(id as text) as reservation
""")
)


def _book_any(chosen: str) -> Statement:
    return Statement(
        sa.text(f"""
with candidate as materialized (
    select space.id
    from space
    join zone on zone.id = space.zone_id
    join site on site.id = zone.site_id
    where
        site.name = cast(:site as text) and zone.name = cast(:zone as text) and space.service = 'in_service'
        and space.audience is not distinct from cast(:audience as text)
        and (not cast(:begins_now as boolean) or space.state = 'FREE')
        and not exists (select from reservation where {_OVERLAPS})
    -- A space that is free now is most probably free then.
    order by array_position(array['FREE', 'RESERVED', 'OCCUPIED'], space.state), space.id
    limit 1000
),
chosen as materialized ({chosen}),
booked as (
    insert into reservation (space_id, {_COLUMNS})
    select chosen.id, {_VALUES}
    from chosen
    on conflict do nothing
    returning id
)
select exists (select from candidate), (select cast(id as text) from booked) as reservation
""")
    )


# The lock keeps requesters who come at once from all wanting the first space. It is tried row by row until one is had.
_BOOK_FIRST_UNCLAIMED: Final = _book_any(
    "select id from candidate"
    " where pg_try_advisory_xact_lock(hashtext('parking-gateway reservation'), cast(mod(id, 2147483647) as integer)) limit 1"
)
_BOOK_FIRST: Final = _book_any("select id from candidate limit 1")

_LOCK_CALENDAR: Final = Statement(
    sa.text("select pg_advisory_xact_lock(hashtext('parking-gateway calendar'), hashtext(cast(:calendar as text)))")
)


def lock_calendar(calendar: str) -> Query[None]:
    """Keep other imports of the calendar waiting until the transaction ends."""
    return command(_LOCK_CALENDAR, {"calendar": calendar})


def book(space: SpaceId, new: NewReservation) -> Query[str | None]:
    """Write a reservation of the space. The answer is its id; None: it overlaps another, or its `request_id` is known."""
    return Query(statement=_BOOK, arguments=_values(new) | {"space": space}, read=_id)


def book_any(wish: Wish, new: NewReservation) -> Query[Chosen]:
    """Write a reservation of a free space that no other requester tries to reserve at this moment."""
    return Query(statement=_BOOK_FIRST_UNCLAIMED, arguments=_values(new) | _wish(wish), read=_chosen)


def book_first(wish: Wish, new: NewReservation) -> Query[Chosen]:
    """The same for the first free space. Waits for the requester who tries to reserve it."""
    return Query(statement=_BOOK_FIRST, arguments=_values(new) | _wish(wish), read=_chosen)


def _values(new: NewReservation) -> dict[str, Any]:
    return msgspec.structs.asdict(new)


def _wish(wish: Wish) -> dict[str, Any]:
    return msgspec.structs.asdict(wish)


def _id(rows: Rows) -> str | None:
    return rows[0][0] if rows else None


def _chosen(rows: Rows) -> Chosen:
    return Chosen(*rows[0])
