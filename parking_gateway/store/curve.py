"""How many spaces of a zone or site were free in the course of the present day."""

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.store.query import Query, Rows, written


class FreePoint(NamedTuple):
    """The number of free spaces from a time on."""

    at: datetime
    free: int


def curve(*, site: str, zone: str | None) -> Query[list[FreePoint]]:
    """The day of the site: its midnight, the last change of each minute, and now. Empty: there is no such place, or it has no spaces."""
    return Query(statement=_CURVE, arguments={"site": site, "zone": zone}, read=_points)


def _points(rows: Rows) -> list[FreePoint]:
    """Counted back from now, because the log has the steps and not the numbers."""
    if not rows:
        return []
    _, _, now, total, free = rows[0]
    points = [FreePoint(now, free)]
    for at, gained, *_ in rows:
        points.append(FreePoint(at, min(max(free, 0), total)))
        free -= gained
    return points[::-1]


_CURVE: Final = written(
    """
with place as (
    select space.id, space.state, date_trunc('day', now() at time zone site.time_zone) at time zone site.time_zone as midnight
    from space
    join zone on zone.id = space.zone_id
    join site on site.id = zone.site_id
    where site.name = :site and (cast(:zone as text) is null or zone.name = :zone)
),
present as (
    select min(midnight) as midnight, count(*) as total, count(*) filter (where state = 'FREE') as free
    from place
    having count(*) > 0
),
gained as (
    select max(step.at) as at, sum((step."to" = 'FREE')::integer - (step."from" = 'FREE')::integer) as number
    from present
    join transition as step on step.at >= present.midnight and step.at <= now()
    join place on place.id = step.space
    where step.withdrawn_at is null
    group by date_trunc('minute', step.at)
    union all
    select midnight, 0 from present
)
select gained.at, gained.number, now(), present.total, present.free
from present
cross join gained
-- Midnight comes last, also behind a change at midnight.
order by gained.at desc, gained.number = 0
""",
    site=sa.Text,
    zone=sa.Text,
)
