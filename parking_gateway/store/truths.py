"""What people have seen, and what the sensors of the space had reported by then."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId
from parking_gateway.store.occupancy_then import occupancy_then, stay_then
from parking_gateway.store.old_rows import deletion
from parking_gateway.store.query import Query, asks, counts, written
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import truth

Truth = tuple[SpaceId, datetime, bool]
"""Whether the space was occupied at that time."""
Watcher = tuple[DevEui, int]
"""A device and its channel."""


class Report(NamedTuple):
    """What a sensor had reported at the time of a truth."""

    space: str
    """`site/zone/space`."""
    at: datetime
    is_occupied: bool
    """What the person has seen."""
    dev_eui: DevEui
    channel: int
    codec: str | None
    is_observed: bool
    """Whether it was observed then, and changed nothing of the space."""
    reported: str | None
    """`vacant` or `occupied`; None: it had reported nothing, or was silent for too long."""


_BATCH: Final = """
unnest(cast(:space as bigint[]), cast(:at as timestamptz[]), cast(:is_occupied as boolean[])) as batch (space, at, is_occupied)
"""
_ENTER: Final = written(f"""
insert into truth (space_id, at, is_occupied)
select space, at, is_occupied from {_BATCH}
order by space, at
on conflict (space_id, at) do update set is_occupied = excluded.is_occupied where truth.is_occupied <> excluded.is_occupied
returning xmax = 0
""")
_REMOVE: Final = written(f"""
with gone as (
    delete from truth using {_BATCH} where truth.space_id = batch.space and truth.at = batch.at returning 1
)
select count(*) from gone
""")
delete_old: Final = deletion(truth.c.at)
# A sensor counts as observed from its first observed uplink to its next one behind the last, and before and after them for as long as
# it may be silent.
# In service, its reports are those of the space: the stays, which know neither reservations nor maintenance.
_REPORTS: Final = written(
    f"""
with allowed as (
    select dev_eui, channel, make_interval(secs => seconds) as span
    from unnest(cast(:dev_eui as text[]), cast(:channel as integer[]), cast(:seconds as double precision[]))
        as batch (dev_eui, channel, seconds)
), watcher as (
    select
        watched.*, coalesce(allowed.span, make_interval(secs => :default)) as span
    from (
        select
            space, dev_eui, channel, observed.first_at, observed.last_at,
            installation.observe_left is not null as is_observed, installation.dev_eui is not null as is_installed, coalesce(installation.codec, device.codec) as codec,
            installation.observe is not null as was_observed
        from (
            select space, dev_eui, channel, min(at) as first_at, max(at) as last_at
            from observed
            where space in (select space_id from truth)
            group by space, dev_eui, channel
        ) as observed
        full join (
            select dev_eui, channel, space_id as space, codec, observe, observe_left
            from installation
            where space_id in (select space_id from truth)
        ) as installation using (space, dev_eui, channel)
        left join device using (dev_eui)
    ) as watched
    left join allowed using (dev_eui, channel)
), report as (
    select
        truth.*, watcher.dev_eui, watcher.channel, watcher.span, watcher.codec,
        case
            when watcher.first_at is null then watcher.is_observed
            else
                truth.at > watcher.first_at - watcher.span
                and (watcher.is_observed or truth.at <= watcher.last_at + watcher.span)
        end as is_observed,
        watcher.last_at,
        watcher.is_installed and not watcher.is_observed as is_sensor,
        not watcher.was_observed and exists (
            select from installation as other where other.space_id = truth.space_id and other.observe is not null
        ) as is_beside
    from truth
    join watcher on watcher.space = truth.space_id
)
select
    site.name || '/' || zone.name || '/' || space.name, report.at, report.is_occupied, report.dev_eui, report.channel,
    coalesce(observed.codec, report.codec), judged.is_observed,
    case
        when judged.is_observed then case when observed.is_heard then observed.occupancy end
        when heard.is_heard then {occupancy_then("report.at")}
    end
from report
join space on space.id = report.space_id
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
cross join lateral (
    select exists (
        select
        from uplink
        where
            uplink.dev_eui = report.dev_eui and uplink.heard_at <= report.at
            and uplink.heard_at > report.at - report.span and (uplink.heard_at >= space.watched_since or report.is_beside)
    ) as is_heard
) as heard
cross join lateral (
    select
        report.is_observed
        and (report.at <= report.last_at or not report.is_sensor or not heard.is_heard) as is_observed
) as judged
left join lateral (
    select
        last.occupancy, last.codec,
        exists (
            select
            from observed as life
            where
                life.space = report.space_id and life.dev_eui = report.dev_eui and life.channel = report.channel
                and life.at <= report.at and life.at > report.at - report.span
        ) as is_heard
    from observed as last
    where
        last.space = report.space_id and last.dev_eui = report.dev_eui and last.channel = report.channel
        and last.at <= report.at and last.occupancy is not null
    order by last.at desc
    limit 1
) as observed on judged.is_observed
{stay_then("report.space_id", "report.at", on="not judged.is_observed")}
where judged.is_observed or report.is_sensor
order by 1, report.at, report.dev_eui, report.channel
""",
    default=sa.Double,
)


def enter(truths: Sequence[Truth]) -> Query[list[bool]]:
    """Write these. The answer has an element for each that is new (True) or was the other way round (False)."""
    return asks(_ENTER, bool, _columns(truths))


def remove(truths: Sequence[Truth]) -> Query[int]:
    """Delete those of these times. The answer is how many there were."""
    return counts(_REMOVE, _columns(truths))


def reports(allowed: Mapping[Watcher, timedelta], *, default: timedelta) -> Query[list[Report]]:
    """For every truth, what each sensor of the space had reported. `allowed`: how long each may be silent."""
    columns = arrays(
        dev_eui=[dev_eui for dev_eui, _ in allowed],
        channel=[channel for _, channel in allowed],
        seconds=[one.total_seconds() for one in allowed.values()],
    )
    return asks(_REPORTS, Report, columns | {"default": default.total_seconds()})


def _columns(truths: Iterable[Truth]) -> dict[str, Any]:
    rows = list(truths)
    return arrays(
        space=[space for space, _, _ in rows], at=[at for _, at, _ in rows], is_occupied=[one for _, _, one in rows]
    )
