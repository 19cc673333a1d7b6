"""How many spaces of a zone or site were free in the course of the present day."""

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.store.query import Query, Rows, written

_STEP_MINUTES: Final = 10


class FreePoint(NamedTuple):
    """The number of free spaces at a time."""

    at: datetime
    free: int


def curve(*, site: str, zone: str | None) -> Query[list[FreePoint]]:
    """The points of the day of the site, up to now. Empty: there is no such place, or it has no spaces."""
    return Query(statement=_CURVE, arguments={"site": site, "zone": zone}, read=_points)


def _points(rows: Rows) -> list[FreePoint]:
    """Counted back from now, because the log has the steps and not the numbers."""
    if not rows:
        return []
    _, _, now, total, free = rows[0]
    points = [FreePoint(now, free)]
    for at, gained, *_ in rows:
        free -= gained
        points.append(FreePoint(at, min(max(free, 0), total)))
    return points[::-1]


_CURVE: Final = written(
    f"""
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
    select
        date_bin('{_STEP_MINUTES} minutes', step.at, present.midnight) as at,
        sum((step."to" = 'FREE')::integer - (step."from" = 'FREE')::integer) as number
    from present
    join transition as step on step.at >= present.midnight and step.at <= now()
    join place on place.id = step.space
    where step.withdrawn_at is null
    group by 1
)
select bucket.at, coalesce(gained.number, 0), now(), present.total, present.free
from present
cross join lateral generate_series(present.midnight, now(), interval '{_STEP_MINUTES} minutes') as bucket (at)
left join gained on gained.at = bucket.at
order by bucket.at desc
""",
    site=sa.Text,
    zone=sa.Text,
)
