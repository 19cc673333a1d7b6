"""The hours of the zones: sums over the stays, so that a month of a large car park answers at once."""

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.store.old_rows import deletion
from parking_gateway.store.query import Query, Statement, command, written
from parking_gateway.store.tables import TIME, occupancy_hour, stale_hour

RECENT: Final = timedelta(hours=1)
"""Changes of this age are counted by every round. Those of half of it already make their hours stale, because a round can be late."""
AT_ONCE: Final = timedelta(hours=24)
"""Hours of one transaction."""

delete_old: Final = deletion(occupancy_hour.c.hour)
_MARK: Final = Statement(stale_hour.insert().values(since=sa.bindparam("at", type_=TIME)))
_BEGIN: Final = written(
    """
with gone as (delete from stale_hour returning since)
select
    pg_try_advisory_xact_lock(hashtext('parking-gateway hours')),
    date_trunc(
        'hour',
        least(
            (select min(since) from gone),
            coalesce(
                -- Since it was counted, changes of the hour before it may have come that were too young to be marked.
                (select greatest(max(hour) - interval '1 hour', min(hour)) from occupancy_hour),
                (select min(arrived_at) from past_stay)
            ),
            cast(:recent as timestamptz)
        ),
        'UTC'
    )
""",
    recent=TIME,
)
_COUNT: Final = written(
    """
with hour as (
    select hour, least(hour + interval '1 hour', :now) as hour_end
    from generate_series(
        cast(:since as timestamptz), cast(:until as timestamptz) - interval '1 microsecond', interval '1 hour'
    ) as hour
), zones as (
    select site.name as site, zone.name as zone, count(space.id) as spaces
    from zone
    join site on site.id = zone.site_id
    left join space on space.zone_id = zone.id
    group by 1, 2
), stay as (
    select named.site, named.zone, one.arrived_at, one.departed_at, coalesce(one.departed_at, :now) as stay_end
    from (
        select space, arrived_at, departed_at
        from past_stay
        where withdrawn_at is null and departed_at >= :since and arrived_at < :until
        union all
        select id, arrived_at, null from space where arrived_at < :until
    ) as one
    join space_name as named on
        named.space = one.space and named.since <= one.arrived_at and one.arrived_at < named.until
), sums as (
    select
        stay.site, stay.zone, hour.hour,
        sum(greatest(0, extract(epoch from least(stay_end, hour_end) - greatest(arrived_at, hour.hour)))) as occupied_seconds,
        count(*) filter (where arrived_at >= hour.hour) as arrivals,
        count(*) filter (where departed_at < hour.hour + interval '1 hour') as departures,
        coalesce(
            sum(extract(epoch from departed_at - arrived_at)) filter (where departed_at < hour.hour + interval '1 hour'), 0
        ) as stay_seconds
    from stay
    join hour on stay.arrived_at < hour.hour + interval '1 hour' and stay.stay_end >= hour.hour
    group by 1, 2, 3
)
insert into occupancy_hour (site, zone, hour, seconds, spaces, occupied_seconds, arrivals, departures, stay_seconds)
select
    site, zone, hour.hour, extract(epoch from hour_end - hour.hour), coalesce(zones.spaces, 0),
    coalesce(sums.occupied_seconds, 0), coalesce(sums.arrivals, 0), coalesce(sums.departures, 0),
    coalesce(sums.stay_seconds, 0)
from hour
cross join (select site, zone from zones union select site, zone from sums) as place
left join zones using (site, zone)
left join sums using (site, zone, hour)
where hour_end > hour.hour
order by hour.hour, site, zone
on conflict (hour, site, zone) do update
set
    seconds = excluded.seconds,
    spaces = case when excluded.spaces = 0 then occupancy_hour.spaces else excluded.spaces end,
    occupied_seconds = excluded.occupied_seconds, arrivals = excluded.arrivals, departures = excluded.departures,
    stay_seconds = excluded.stay_seconds
""",
    since=TIME,
    until=TIME,
    now=TIME,
)


def mark(since: datetime) -> Query[None]:
    """Have the hours from this time on counted again."""
    return command(_MARK, {"at": since})


def begin(now: datetime) -> Query[tuple[bool, datetime]]:
    """Whether no other gateway counts, and the first hour to count. Hours are marked no more."""
    return Query(statement=_BEGIN, arguments={"recent": now - RECENT}, read=lambda rows: (bool(rows[0][0]), rows[0][1]))


def count(since: datetime, until: datetime, *, now: datetime) -> Query[Any]:
    """Count these hours."""
    return command(_COUNT, {"since": since, "until": until, "now": now})
