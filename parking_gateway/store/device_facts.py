"""The facts of devices that the rules of `core.problems` judge, read for many devices at once."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.events import DevEui, Reason
from parking_gateway.core.problems import PERCENT_TO_END, VOLTS_TO_END, Facts, Limits
from parking_gateway.store.lost import Loss
from parking_gateway.store.query import Query, Rows, written
from parking_gateway.store.rows import array_of
from parking_gateway.store.tables import TIME
from parking_gateway.store.words import CONTACTS, PROBLEMS

PAGE: Final = 1000
"""Devices that are read and judged at once."""
LATELY: Final = timedelta(hours=1)
"""Devices with a rejection of this time may begin to be undecodable."""
_BY_CODEC: Final = (Reason.UNDECODABLE, Reason.CODEC_FAILED, Reason.CODEC_NOT_FOUND)

# A rejection has the time of receipt of its uplink.
_UNDECODABLE: Final = written(
    """
select suspect.dev_eui, streak.frames
from (
    select dev_eui
    from rejection
    where received_at >= :since and reason in (select unnest(cast(:reasons as text[]))) and dev_eui is not null
    union
    select dev_eui from device where 'undecodable' = any(problems)
) as suspect
cross join lateral (
    select coalesce(min(number) filter (where not is_refused) - 1, count(*)) as frames
    from (
        select
            row_number() over (order by heard_at desc) as number,
            exists (
                select
                from rejection
                where
                    rejection.received_at = uplink.received_at
                    and rejection.deduplication_id = uplink.deduplication_id
                    and rejection.reason in (select unnest(cast(:reasons as text[])))
            ) as is_refused
        from uplink
        where uplink.dev_eui = suspect.dev_eui and uplink.f_port > 0
        order by heard_at desc
        limit :frames
    ) as latest
) as streak
where streak.frames > 0
""",
    since=TIME,
    frames=sa.Integer,
)
# All devices that have a problem or may begin to have one. The rules decide.
# An indicator shows places, and nobody reads its frames: it needs neither a space nor a codec. The few indicators are read once
# for all devices, and only devices without an installation are looked for among them.
_FACTS: Final = written(
    """
select
    device.dev_eui, device.problems, device.contact,
    installed.space_id is not null or device.dev_eui in (select dev_eui from indicator) as is_assigned,
    installed.space_id is null or coalesce(
        nullif(installed.codec, ''), nullif(device.tags ->> 'codec', ''),
        (select 'profile' where device.profile in (select unnest(cast(:profiles as text[]))))
    ) is not null as has_codec,
    coalesce(nullif(installed.codec, ''), device.codec) as codec, device.battery_percent, device.battery_volts,
    device.heard_at, device.fault, device.fault_at, device.tamper, device.tamper_at
from device
left join lateral (
    select space_id, codec
    from (
        select space_id, codec, channel from installation where installation.dev_eui = device.dev_eui
        union all
        -- A counter is in no space.
        select 0, codec, channel from counter where counter.dev_eui = device.dev_eui
    ) as either
    order by channel
    limit 1
) as installed on true
where
    device.dev_eui > :after
    and (
        device.problems <> '{}' or device.contact = 'lost' or device.fault is not null or device.tamper
        or device.battery_percent <= :battery_percent or device.battery_volts <= :battery_volts
        or device.dev_eui in (select unnest(cast(:suspects as text[])))
        or (installed.space_id is null and device.dev_eui not in (select dev_eui from indicator))
        or (
            installed.space_id is not null and coalesce(installed.codec, '') = '' and coalesce(device.tags ->> 'codec', '') = ''
            and device.profile not in (select unnest(cast(:profiles as text[])))
        )
    )
order by device.dev_eui
limit :limit
""",
    battery_percent=sa.Integer,
    battery_volts=sa.Double,
    limit=sa.Integer,
)


def undecodable(limits: Limits, *, now: datetime) -> Query[dict[DevEui, int]]:
    """How many of the last frames in a row could not be decoded, of devices where there are any. Counted up to the limit."""
    arguments = {"since": now - LATELY, "reasons": array_of(_BY_CODEC), "frames": limits.undecodable_frames}
    return Query(statement=_UNDECODABLE, arguments=arguments, read=dict)


def page(
    limits: Limits,
    *,
    profiles: Collection[str],
    undecodable: Mapping[DevEui, int],
    losses: Mapping[DevEui, Loss],
    after: DevEui | None = None,
) -> Query[list[Facts]]:
    """The facts of devices that have problems or may begin to have one: the first `PAGE` behind `after`, by DevEUI.

    `profiles` are those that name a codec. Nothing is locked.
    """
    suspects = sorted({*undecodable, *losses})
    arguments = {
        "after": after or "",
        "profiles": array_of(sorted(profiles)),
        "suspects": array_of(suspects),
        "battery_percent": limits.battery_percent + PERCENT_TO_END,
        "battery_volts": max(limits.battery_volts.values(), default=0.0) + VOLTS_TO_END,
        "limit": PAGE,
    }

    def read(rows: Rows) -> list[Facts]:
        return [_facts(row, undecodable, losses) for row in rows]

    return Query(statement=_FACTS, arguments=arguments, read=read)


def _facts(row: tuple[Any, ...], undecodable: Mapping[DevEui, int], losses: Mapping[DevEui, Loss]) -> Facts:
    dev_eui, problems, contact, is_assigned, has_codec, codec, percent, volts, heard_at, *reports = row
    fault, fault_at, tamper, tamper_at = reports
    loss = losses.get(dev_eui)
    return Facts(
        dev_eui=dev_eui,
        problems=frozenset(PROBLEMS[one] for one in problems),
        contact=CONTACTS[contact],
        is_assigned=is_assigned,
        has_codec=has_codec,
        codec=codec,
        battery_percent=percent,
        battery_volts=volts,
        heard_at=heard_at,
        fault=fault,
        fault_at=fault_at,
        tamper=tamper,
        tamper_at=tamper_at,
        undecodable=undecodable.get(dev_eui, 0),
        missing=loss.missing if loss else 0,
        recorded=loss.recorded if loss else 0,
    )
