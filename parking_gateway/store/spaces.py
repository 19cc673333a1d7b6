"""Spaces: locked with the devices that watch them, and saved after the state machine has spoken."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from decoders import Occupancy
from parking_gateway.installation import Installation
from parking_gateway.reservation import Reservation
from parking_gateway.space import Contact, Service, Space, SpaceId, SpaceState
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import installation, space
from parking_gateway.uplink import DevEui

_ASPECTS: Final = (
    space.c.id,
    space.c.occupancy,
    space.c.seen_at,
    space.c.seen_f_cnt,
    space.c.contact,
    space.c.heard_at,
    space.c.reservation,
    space.c.reserved_from,
    space.c.reserved_until,
    space.c.service,
    space.c.service_at,
    space.c.maintenance_reason,
    space.c.battery_percent,
    space.c.battery_at,
    space.c.since,
    space.c.previous,
    space.c.cause,
    space.c.version,
)
_LOCK_WATCHED: Final = (
    sa.select(installation.c.dev_eui, installation.c.channel, installation.c.codec, installation.c.options, *_ASPECTS)
    .join_from(installation, space)
    .where(installation.c.dev_eui.in_(listed("dev_euis", sa.Text)))
    # In one order for everybody: several gateways wait for each other and never deadlock.
    .order_by(space.c.id, installation.c.dev_eui, installation.c.channel)
    .with_for_update(of=space, key_share=True)
)

_CLOCKS: Final = (space.c.id, space.c.seen_at, space.c.seen_f_cnt, space.c.heard_at, space.c.battery_at)
_CHANGES: Final = (*_ASPECTS, space.c.state, space.c.updated_at)


def _update(columns: Sequence[sa.Column[Any]]) -> sa.Update:
    batch = table_of(*columns)
    values = {column.name: batch.c[column.name] for column in columns if column is not space.c.id}
    return space.update().values(values).where(space.c.id == batch.c.id)


# By their words, because a look into a dictionary costs a tenth of what calling an enumeration does.
_OCCUPANCIES: Final[dict[str | None, Occupancy | None]] = {None: None, **{one.value: one for one in Occupancy}}
_CONTACTS: Final = {one.value: one for one in Contact}
_SERVICES: Final = {one.value: one for one in Service}
_STATES: Final[dict[str | None, SpaceState | None]] = {None: None, **{one.value: one for one in SpaceState}}

_SAVE_CLOCKS: Final = _update(_CLOCKS)
_SAVE_CHANGES: Final = _update(_CHANGES)


async def lock_watched_by(
    connection: AsyncConnection, devices: Iterable[DevEui]
) -> tuple[dict[DevEui, list[Installation]], dict[SpaceId, Space]]:
    """The installations of these devices and their spaces, locked until the transaction ends."""
    found = await connection.execute(_LOCK_WATCHED, {"dev_euis": array_of(devices)})
    installations: dict[DevEui, list[Installation]] = {}
    spaces: dict[SpaceId, Space] = {}
    for dev_eui, channel, codec, options, *aspects in found:
        one = _space(aspects)
        spaces[one.id] = one
        installations.setdefault(dev_eui, []).append(
            Installation(dev_eui=dev_eui, channel=channel, space=one.id, codec=codec, options=options)
        )
    return installations, spaces


async def save(
    connection: AsyncConnection, *, before: dict[SpaceId, Space], after: dict[SpaceId, Space], now: datetime
) -> None:
    """Write the spaces that differ from before. Most did not change but were only heard: those write four columns."""
    heard, changed = [], []
    for space_id, one in after.items():
        if one is before[space_id]:
            continue
        if one.version == before[space_id].version:
            heard.append(_clocks(one))
        else:
            changed.append(_row(one, now))
    if heard:
        await connection.execute(_SAVE_CLOCKS, encode(heard))
    if changed:
        await connection.execute(_SAVE_CHANGES, encode(changed))


def _space(aspects: list[Any]) -> Space:
    (
        space_id,
        occupancy,
        seen_at,
        seen_f_cnt,
        contact,
        heard_at,
        reservation,
        reserved_from,
        reserved_until,
        service,
        service_at,
        maintenance_reason,
        battery_percent,
        battery_at,
        since,
        previous,
        cause,
        version,
    ) = aspects
    return Space(
        id=space_id,
        occupancy=_OCCUPANCIES[occupancy],
        seen_at=seen_at,
        seen_f_cnt=seen_f_cnt,
        contact=_CONTACTS[contact],
        heard_at=heard_at,
        reservation=None
        if reservation is None
        else Reservation(id=reservation, start=reserved_from, end=reserved_until),
        service=_SERVICES[service],
        service_at=service_at,
        maintenance_reason=maintenance_reason,
        battery_percent=battery_percent,
        battery_at=battery_at,
        since=since,
        previous=_STATES[previous],
        cause=cause,
        version=version,
    )


def _clocks(one: Space) -> dict[str, Any]:
    return {
        "id": one.id,
        "seen_at": one.seen_at,
        "seen_f_cnt": one.seen_f_cnt,
        "heard_at": one.heard_at,
        "battery_at": one.battery_at,
    }


def _row(one: Space, now: datetime) -> dict[str, Any]:
    row = msgspec.structs.asdict(one)
    booked = row.pop("reservation")
    return row | {
        "reservation": booked and booked.id,
        "reserved_from": booked and booked.start,
        "reserved_until": booked and booked.end,
        "state": one.state,
        "updated_at": now,
    }
