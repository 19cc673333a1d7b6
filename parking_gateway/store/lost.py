"""Uplinks that are missing by their frame counters: found by one statement for many devices, and kept in `lost`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.clocks import COUNTERS_APART, STEP
from parking_gateway.core.events import DevEui
from parking_gateway.core.gaps import Gap
from parking_gateway.store.query import Query, Rows, Statement, command, written
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import TIME

WIDEST_GAP: Final = 16_384
"""Uplinks. A wider gap is a counter that was set anew: LoRaWAN 1.0 lets a network server accept no wider one."""
_EARLIER: Final = 8
"""Uplinks of a device before those that are looked at: an earlier look may not have seen them, as at the end of a process."""
_MOST: Final = 10_000
"""Uplinks of one device in one look."""
KEPT_FOR: Final = timedelta(days=31)
"""As long as ChirpStack keeps events. An older gap is not filled any more."""
AT_ONCE: Final = 1000
"""Devices of one transaction."""

_LOCK: Final = Statement(sa.text("select pg_advisory_xact_lock(hashtext('parking-gateway lost'))"))
# A counter that goes down by more than frames overtake each other, or much later, has restarted: `restarts` counts these.
# `start` is where the frames that are looked at are complete; what lies before it was decided by an earlier look.
_GAPS: Final = written(
    f"""
with heard as (
    select dev_eui, since from unnest(cast(:dev_eui as text[]), cast(:since as timestamptz[])) as heard (dev_eui, since)
),
frame as (
    select heard.dev_eui collate "C" as dev_eui, one.dev_addr collate "C" as dev_addr, one.f_cnt, one.heard_at, one.is_earlier
    from heard
    cross join lateral (
        (
            select dev_addr, f_cnt, heard_at, false as is_earlier
            from uplink
            where uplink.dev_eui = heard.dev_eui and uplink.heard_at >= heard.since
            order by uplink.heard_at
            limit {_MOST}
        )
        union all
        (
            select dev_addr, f_cnt, heard_at, true as is_earlier
            from uplink
            where uplink.dev_eui = heard.dev_eui and uplink.heard_at < heard.since
            order by uplink.heard_at desc
            limit {_EARLIER}
        )
    ) as one
    where one.dev_addr is not null
),
ordered as (
    select
        dev_eui, dev_addr, f_cnt, heard_at, is_earlier,
        row_number() over (partition by dev_eui order by heard_at, f_cnt) as number,
        lag(f_cnt) over session as previous_f_cnt,
        lag(heard_at) over session as previous_heard_at
    from frame
    window session as (partition by dev_eui, dev_addr order by heard_at, f_cnt)
),
look as materialized (
    select
        dev_eui,
        case
            when count(*) filter (where is_earlier) < {_EARLIER} then min(heard_at)
            else min(heard_at) filter (where number > {_EARLIER // 2})
        end as start
    from ordered
    group by dev_eui
),
counted as (
    select
        dev_eui, dev_addr, f_cnt, heard_at,
        count(*) filter (
            where f_cnt < previous_f_cnt
            and (previous_f_cnt - f_cnt > :counters_apart or heard_at - previous_heard_at > cast(:step as interval))
        ) over (partition by dev_eui, dev_addr order by heard_at, f_cnt) as restarts
    from ordered
),
gap as (
    select dev_eui, dev_addr, heard_at as at, 1 + lag(f_cnt) over upwards as first, f_cnt - 1 as last
    from counted
    window upwards as (partition by dev_eui, dev_addr, restarts order by f_cnt, heard_at)
)
select false as is_known, gap.dev_eui, gap.dev_addr, gap.at, gap.first, gap.last
from gap
join look on look.dev_eui = gap.dev_eui
where gap.first <= gap.last and gap.last - gap.first < {WIDEST_GAP} and gap.at > look.start
union all
select true as is_known, lost.dev_eui, lost.dev_addr, lost.at, lost.first, lost.last
from lost
join look on look.dev_eui = lost.dev_eui
where lost.at > look.start
""",
    counters_apart=sa.BigInteger,
)
_ADD: Final = written(
    """
insert into lost (dev_eui, dev_addr, at, first, last, found_at)
select dev_eui, dev_addr, at, first, last, :found_at
from unnest(
    cast(:dev_eui as text[]), cast(:dev_addr as text[]), cast(:at as timestamptz[]), cast(:first as bigint[]),
    cast(:last as bigint[])
) as batch (dev_eui, dev_addr, at, first, last)
on conflict (dev_eui, dev_addr, at, first) do update set last = excluded.last
""",
    found_at=TIME,
)
_REMOVE: Final = written(
    """
delete from lost
using unnest(
    cast(:dev_eui as text[]), cast(:dev_addr as text[]), cast(:at as timestamptz[]), cast(:first as bigint[])
) as batch (dev_eui, dev_addr, at, first)
where
    lost.dev_eui = batch.dev_eui and lost.dev_addr = batch.dev_addr and lost.at = batch.at and lost.first = batch.first
"""
)
# By DevEUI, as whoever locks devices does.
_COUNT: Final = written("""
with counted as (
    select
        device.dev_eui,
        coalesce(
            (select cast(sum(last - first + 1) as bigint) from lost where lost.dev_eui = device.dev_eui), 0
        ) as uplinks
    from device
    where device.dev_eui in (select unnest(cast(:dev_eui as text[])))
    order by device.dev_eui
    for no key update of device
)
update device
set uplinks_lost = counted.uplinks, version = device.version + 1
from counted
where device.dev_eui = counted.dev_eui and device.uplinks_lost <> counted.uplinks
""")
_FORGET: Final = written("delete from lost where found_at < :before returning dev_eui", before=TIME)
_LOSSY: Final = written(
    """
select dev_eui, cast(sum(last - first + 1) as bigint) as missing, (
    select count(*) from uplink where uplink.dev_eui = lost.dev_eui and uplink.heard_at >= :since
) as recorded
from lost
where at >= :since
group by dev_eui
""",
    since=TIME,
)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The gaps of some devices: those in the table, and those that the uplinks have."""

    known: list[Gap]
    found: list[Gap]


class Loss(msgspec.Struct, frozen=True):
    """How many uplinks of a device are missing, and how many were recorded in the same time."""

    missing: int
    recorded: int


def lock() -> Query[None]:
    """Let no other gateway look until the transaction ends, so that none counts an uplink twice."""
    return command(_LOCK)


def gaps(devices: Mapping[DevEui, datetime]) -> Query[Looked]:
    """The gaps of these devices, each since the time when the oldest of its new uplinks was heard."""
    arguments = arrays(dev_eui=list(devices), since=list(devices.values()))
    order = {"counters_apart": COUNTERS_APART, "step": f"{STEP // timedelta(seconds=1)} s"}
    return Query(statement=_GAPS, arguments=arguments | order, read=_looked)


def write(opened: Sequence[Gap], closed: Sequence[Gap], *, now: datetime) -> list[Query[None]]:
    """Replace the closed gaps by the opened ones, and count those of their devices again."""
    queries = []
    if closed:
        queries.append(command(_REMOVE, _key(closed)))
    if opened:
        queries.append(command(_ADD, _key(opened) | arrays(last=[gap.last for gap in opened]) | {"found_at": now}))
    return [*queries, *count({gap.dev_eui for gap in (*opened, *closed)})]


def forget(now: datetime) -> Query[set[DevEui]]:
    """Remove the gaps that are too old to be filled. The answer is their devices, which have to be counted."""
    return Query(statement=_FORGET, arguments={"before": now - KEPT_FOR}, read=_devices)


def count(devices: Collection[DevEui]) -> list[Query[None]]:
    """Write how many uplinks of these devices are missing. Those of which the number changed are published."""
    return [command(_COUNT, arrays(dev_eui=sorted(devices)))] if devices else []


def lossy(since: datetime) -> Query[dict[DevEui, Loss]]:
    """The devices with missing uplinks since then."""
    return Query(statement=_LOSSY, arguments={"since": since}, read=_losses)


def _key(gaps: Collection[Gap]) -> dict[str, Any]:
    return arrays(
        dev_eui=[gap.dev_eui for gap in gaps],
        dev_addr=[gap.dev_addr for gap in gaps],
        at=[gap.at for gap in gaps],
        first=[gap.first for gap in gaps],
    )


def _looked(rows: Rows) -> Looked:
    found: dict[bool, list[Gap]] = {False: [], True: []}
    for is_known, *gap in rows:
        found[is_known].append(Gap(*gap))
    return Looked(known=found[True], found=found[False])


def _devices(rows: Rows) -> set[DevEui]:
    return {DevEui(dev_eui) for (dev_eui,) in rows}


def _losses(rows: Rows) -> dict[DevEui, Loss]:
    return {DevEui(dev_eui): Loss(missing, recorded) for dev_eui, missing, recorded in rows}
