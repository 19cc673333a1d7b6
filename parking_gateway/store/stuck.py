"""Spaces without a change for a while, and how often their neighbours changed meanwhile."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from parking_gateway.core.problems import Quiet
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.rows import array_of
from parking_gateway.store.tables import TIME, zone

ZONES_AT_ONCE: Final = 100
LOOK_BACK: Final = timedelta(days=7)
"""Older changes of neighbours do not count. Without this, the months of the whole log would be looked up."""

# Of each space that has changed lately, the time of its n-th last change is looked up by the index of its log: 30 µs for a
# space. The lower quartile of a group is the time since when three of four have changed as often.
_QUIET: Final = Statement(
    sa.text("""
with one as (
    select space.id, space.zone_id, space.purpose, space.since, busy.since as busy_since
    from space
    left join lateral (
        select transition.at as since
        from transition
        where
            space.since >= :horizon and transition.space = space.id and transition.at >= :horizon
            and (transition."from" = 'OCCUPIED' or transition."to" = 'OCCUPIED')
        order by transition.id desc
        offset :changes - 1
        limit 1
    ) as busy on true
    where
        space.zone_id in (select unnest(cast(:zones as bigint[]))) and space.contact = 'live'
        and space.service = 'in_service' and space.occupancy is not null and space.sensors is null
),
together as (
    select
        zone_id, purpose, count(*) as spaces,
        percentile_disc(0.25) within group (order by coalesce(busy_since, '-infinity')) as busy_since
    from one
    group by zone_id, purpose
)
select device.dev_eui, one.id, one.purpose, one.since, together.spaces - 1, together.busy_since, false
from one
join together on together.zone_id = one.zone_id and together.purpose is not distinct from one.purpose
join installation on installation.space_id = one.id
join device on device.dev_eui = installation.dev_eui
where installation.observe_left is null and one.since < :quiet_since and one.since < together.busy_since and 'stuck' <> all (device.problems)
order by device.dev_eui
""").bindparams(
        sa.bindparam("horizon", type_=TIME),
        sa.bindparam("quiet_since", type_=TIME),
        sa.bindparam("changes", type_=sa.Integer),
        sa.bindparam("zones", type_=sa.Text),
    )
)
_ZONES: Final = Statement(
    sa.select(zone.c.id)
    .where(zone.c.id > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(zone.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_STUCK: Final = Statement(
    sa.text("""
select device.dev_eui, space.id, space.purpose, space.since, 0, cast(null as timestamptz), true
from device
left join installation on installation.dev_eui = device.dev_eui and installation.observe_left is null
left join space on space.id = installation.space_id
where 'stuck' = any (device.problems)
""")
)


def zones(after: int) -> Query[list[int]]:
    """The next zones behind this one, at most `ZONES_AT_ONCE`."""
    arguments = {"after": after, "limit": ZONES_AT_ONCE}
    return Query(statement=_ZONES, arguments=arguments, read=lambda rows: [number for (number,) in rows])


def quiet(zones: Collection[int], *, now: datetime, at_least: timedelta, changes: int) -> Query[list[Quiet]]:
    """The spaces of these zones that did not change for `at_least`, although their neighbours changed so often meanwhile.

    Without those whose devices are known to be stuck. Lost spaces, spaces out of service and spaces with several sensors
    are not compared.
    """
    arguments = {
        "zones": array_of(list(zones)),
        "horizon": now - LOOK_BACK,
        "quiet_since": now - at_least,
        "changes": changes,
    }
    return Query(statement=_QUIET, arguments=arguments, read=_quiet)


def known() -> Query[list[Quiet]]:
    """The devices that are stuck, once for each space. `since` is None where a device watches no space any more."""
    return Query(statement=_STUCK, arguments={}, read=_quiet)


def _quiet(rows: Rows) -> list[Quiet]:
    return [
        Quiet(
            dev_eui=dev_eui,
            space=space,
            purpose=purpose,
            since=since,
            neighbours=neighbours,
            busy_since=busy_since,
            is_stuck=is_stuck,
        )
        for dev_eui, space, purpose, since, neighbours, busy_since, is_stuck in rows
    ]
