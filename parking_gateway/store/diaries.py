"""What is due in the diaries of spaces: one cheap query for the clock, and the bookings of locked spaces."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.diary import Booking
from parking_gateway.core.reservation import ReservationStatus
from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.reservations import IS_LIVE
from parking_gateway.store.rows import arrays

AT_ONCE: Final = 1000
"""Spaces of one transaction."""

# A reservation cannot be shown before its start while the one before it holds the space. Each part reads the beginning of one
# index: without its own order and limit, PostgreSQL joins all live reservations, which takes 40 ms with 50,000 of them.
_DUE: Final = Statement(
    sa.text(f"""
with booked as (
    select space_id, lower(during) as start
    from reservation
    where status = 'booked' and lower(during) <= cast(:until as timestamptz) + cast(:soon as interval)
    order by lower(during)
    limit {AT_ONCE}
),
ending as (
    select space_id, upper(during) as moment
    from reservation
    where {IS_LIVE} and upper(during) <= cast(:until as timestamptz)
    order by upper(during)
    limit {AT_ONCE}
),
waiting as (
    select space_id, lower(during) as start
    from reservation
    where
        status = 'holding' and cast(:sees_arrivals as boolean)
        and lower(during) <= cast(:until as timestamptz)
            - make_interval(secs => (select min(coalesce(grace, cast(:grace as double precision))) from zone))
    order by lower(during)
)
select space, moment
from (
    select space.id, greatest(booked.start - cast(:soon as interval), space.reserved_until)
    from booked
    join space on space.id = booked.space_id
    union all
    select space_id, moment
    from ending
    union all
    select
        space.id,
        greatest(waiting.start, space.since)
            + make_interval(secs => coalesce(zone.grace, cast(:grace as double precision)))
    from waiting
    join space on space.id = waiting.space_id
    join zone on zone.id = space.zone_id
    where space.state = 'RESERVED' and space.contact = 'live'
) as due (space, moment)
where moment <= cast(:until as timestamptz)
order by moment, space
limit {AT_ONCE}
""")
)
_BOOKINGS: Final = Statement(
    sa.text(f"""
select
    cast(reservation.id as text) as reservation, reservation.space_id, lower(during), upper(during), status,
    coalesce(zone.grace, cast(:grace as double precision)), coalesce(zone.keeps_on_leaving, cast(:keeps as boolean))
from reservation
join space on space.id = reservation.space_id
join zone on zone.id = space.zone_id
where
    reservation.space_id in (select unnest(cast(:space as bigint[]))) and {IS_LIVE}
    and lower(during) <= cast(:until as timestamptz)
order by reservation.id
""")
)


def due(
    until: datetime, *, soon: timedelta, grace: timedelta, sees_arrivals: bool
) -> Query[list[tuple[SpaceId, datetime]]]:
    """Spaces in whose diaries something is due until then, with its moment; the earliest first, `AT_ONCE` at most.

    Nothing is locked: the diary decides again about the locked space.
    """
    arguments = {
        "until": until,
        "soon": _interval(soon),
        "grace": grace.total_seconds(),
        "sees_arrivals": sees_arrivals,
    }
    return Query(statement=_DUE, arguments=arguments, read=_moments)


def bookings(
    spaces: Collection[SpaceId], until: datetime, *, grace: timedelta, keeps_on_leaving: bool
) -> Query[list[Booking]]:
    """The live reservations of these spaces that begin until then. `grace` and `keeps_on_leaving` are those of most zones."""
    arguments: dict[str, Any] = {"until": until, "grace": grace.total_seconds(), "keeps": keeps_on_leaving}
    return asks(_BOOKINGS, _booking, arrays(space=list(spaces)) | arguments)


def _booking(*row: Any) -> Booking:
    reservation, space, start, end, status, grace, keeps = row
    return Booking(
        id=reservation,
        space=space,
        start=start,
        end=end,
        status=ReservationStatus(status),
        grace=timedelta(seconds=grace),
        is_kept_on_leaving=keeps,
    )


def _moments(rows: Rows) -> list[tuple[SpaceId, datetime]]:
    return [(SpaceId(space), moment) for space, moment in rows]


def _interval(span: timedelta) -> str:
    return f"{span.total_seconds()} s"
