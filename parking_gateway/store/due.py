"""What the broker does not know yet: rows whose version is ahead of the one it confirmed. This is the whole outbox.

A row is read, published, and confirmed against the `published_version` it was read with. If that has changed, another
gateway published the row meanwhile and nobody knows whose message came last: the row is due again. So the last message
to reach the broker is the newest, however many gateways publish.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.publication import CountsMessage, DeviceMessage, SpaceMessage, TransitionMessage
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import device, installation, site, space, transition, zone


class Kind(StrEnum):
    """What can be due, by the table whose rows it is read from."""

    SPACE = "space"
    TRANSITION = "transition"
    DEVICE = "device"
    ZONE = "zone"
    SITE = "site"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due, and the row that its confirmation settles."""

    key: int | str
    version: int
    published_version: int
    message: SpaceMessage | CountsMessage | DeviceMessage | TransitionMessage


_CAR_PARK: Final = space.join(zone).join(site)
_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)


def _is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.version > table.c.published_version


_SPACES: Final = (
    sa.select(
        space.c.id.label("key"),
        space.c.published_version,
        site.c.name.label("site"),
        zone.c.name.label("zone"),
        space.c.name.label("space"),
        space.c.state,
        space.c.since,
        space.c.previous,
        sa.func.coalesce(space.c.occupancy, "unknown").label("occupancy"),
        space.c.contact,
        space.c.reserved_until,
        space.c.reservation,
        space.c.maintenance_reason,
        space.c.battery_percent,
        space.c.version,
        space.c.cause,
        space.c.updated_at.label("updated"),
    )
    .select_from(_CAR_PARK)
    .where(_is_due(space))
    .order_by(space.c.id)
    .limit(_LIMIT)
)


def _counted() -> tuple[sa.Label[Any], ...]:
    total, occupied = sa.func.count(space.c.id), sa.func.count().filter(space.c.state == "OCCUPIED")
    share = sa.cast(occupied, sa.Double) / sa.func.nullif(total, 0)
    return (
        total.label("total"),
        sa.func.count().filter(space.c.state == "FREE").label("free"),
        occupied.label("occupied"),
        sa.func.count().filter(space.c.state == "RESERVED").label("reserved"),
        sa.func.count().filter(space.c.state == "MAINTENANCE").label("maintenance"),
        sa.func.count().filter(space.c.contact != "live").label("unreachable"),
        sa.func.coalesce(share, 0.0).label("occupancy"),
    )


def _counts(table: sa.Table, *names: sa.Label[Any]) -> sa.Select[Any]:
    due = sa.select(table.c.id).where(_is_due(table)).order_by(table.c.id).limit(_LIMIT).scalar_subquery()
    return (
        sa.select(table.c.id.label("key"), table.c.version, table.c.published_version, *names, *_counted())
        .select_from(site.outerjoin(zone).outerjoin(space))
        .where(table.c.id.in_(due))
        .group_by(table.c.id, site.c.name, *([zone.c.name] if table is zone else []))
    )


_ZONES: Final = _counts(zone, site.c.name.label("site"), zone.c.name.label("zone"))
_SITES: Final = _counts(site, site.c.name.label("site"))

_DEVICES: Final = (
    sa.select(
        device.c.dev_eui.label("key"),
        device.c.version,
        device.c.published_version,
        device.c.dev_eui,
        device.c.name,
        device.c.contact,
        device.c.heard_at.label("last_heard"),
        device.c.battery_percent,
        device.c.battery_volts,
        device.c.rssi,
        device.c.snr,
        device.c.codec,
        site.c.name.label("site"),
        zone.c.name.label("zone"),
        space.c.name.label("space"),
    )
    .select_from(
        device.outerjoin(installation, sa.and_(installation.c.dev_eui == device.c.dev_eui, installation.c.channel == 0))
        .outerjoin(space, space.c.id == installation.c.space_id)
        .outerjoin(zone, zone.c.id == space.c.zone_id)
        .outerjoin(site, site.c.id == zone.c.site_id)
    )
    .where(_is_due(device))
    .order_by(device.c.dev_eui)
    .limit(_LIMIT)
)

_TRANSITIONS: Final = (
    sa.select(
        transition.c.id.label("key"),
        sa.literal(1).label("version"),
        sa.literal(0).label("published_version"),
        transition.c.id,
        site.c.name.label("site"),
        zone.c.name.label("zone"),
        space.c.name.label("space"),
        transition.c["from"],
        transition.c["to"],
        transition.c.at,
        transition.c.cause,
    )
    .select_from(transition.join(_CAR_PARK, transition.c.space == space.c.id))
    .where(sa.not_(transition.c.published))
    .order_by(transition.c.id)
    .limit(_LIMIT)
)


def _confirm(table: sa.Table, key: sa.Column[Any]) -> sa.Update:
    batch = table_of(key, table.c.version, table.c.published_version)
    # Locked in the order in which everybody locks, then written.
    locked = (
        sa.select(key.label("key"), batch.c.version, batch.c.published_version.label("expected"))
        .select_from(table.join(batch, key == batch.c[key.name]))
        .order_by(key)
        .with_for_update(of=table, key_share=True)
        .cte("locked")
    )
    nobody_else_did = table.c.published_version == locked.c.expected
    return (
        table.update()
        .where(key == locked.c.key)
        .values(published_version=sa.case((nobody_else_did, locked.c.version), else_=0))
    )


_CONFIRM: Final = {
    Kind.SPACE: _confirm(space, space.c.id),
    Kind.ZONE: _confirm(zone, zone.c.id),
    Kind.SITE: _confirm(site, site.c.id),
    Kind.DEVICE: _confirm(device, device.c.dev_eui),
}
_KEYS: Final = sa.cast(sa.bindparam("keys", type_=sa.Text), sa.ARRAY(sa.BigInteger))
_CONFIRM_TRANSITIONS: Final = transition.update().where(transition.c.id == sa.any_(_KEYS)).values(published=True)


def _recount(table: sa.Table, of_spaces: sa.Select[Any]) -> sa.Update:
    touched = (
        sa.select(table.c.id)
        .where(table.c.id.in_(of_spaces))
        .order_by(table.c.id)
        .with_for_update(key_share=True)
        .cte("touched")
    )
    return table.update().where(table.c.id == touched.c.id).values(version=table.c.version + 1)


_RECOUNT: Final = (
    _recount(zone, sa.select(space.c.zone_id).where(space.c.id == sa.any_(_KEYS))),
    _recount(site, sa.select(zone.c.site_id).join(space).where(space.c.id == sa.any_(_KEYS))),
)


_READ: Final[
    dict[Kind, tuple[sa.Select[Any], type[SpaceMessage | CountsMessage | DeviceMessage | TransitionMessage]]]
] = {
    Kind.SPACE: (_SPACES, SpaceMessage),
    Kind.TRANSITION: (_TRANSITIONS, TransitionMessage),
    Kind.DEVICE: (_DEVICES, DeviceMessage),
    Kind.ZONE: (_ZONES, CountsMessage),
    Kind.SITE: (_SITES, CountsMessage),
}


async def read(connection: AsyncConnection, kind: Kind, *, limit: int) -> list[Due]:
    """Up to `limit` rows of a kind that the broker does not know yet."""
    statement, message_type = _READ[kind]
    found = await connection.execute(statement, {"limit": limit})
    names = [str(name) for name in found.keys()]  # noqa: SIM118 - a result is no mapping; SQLAlchemy's names are no plain str
    rows = (dict(zip(names, row, strict=True)) for row in found)
    return [
        Due(
            key=row["key"],
            version=row["version"],
            published_version=row["published_version"],
            message=msgspec.convert(row, message_type),
        )
        for row in rows
    ]


async def confirm(connection: AsyncConnection, kind: Kind, published: Sequence[Due]) -> None:
    """The broker has confirmed these. Zones and sites of published spaces are due for a new count."""
    keys = {"keys": "{" + ",".join(str(one.key) for one in published) + "}"}
    if kind is Kind.TRANSITION:
        await connection.execute(_CONFIRM_TRANSITIONS, keys)
        return
    key = "dev_eui" if kind is Kind.DEVICE else "id"
    rows = ({key: one.key, "version": one.version, "published_version": one.published_version} for one in published)
    await connection.execute(_CONFIRM[kind], encode(rows))
    if kind is Kind.SPACE:
        for recount in _RECOUNT:
            await connection.execute(recount, keys)


async def publish_all_again(connection: AsyncConnection) -> None:
    """Everything that is retained is due: for a broker that has forgotten, or an operator who wants to be sure."""
    for table in (space, zone, site, device):
        await connection.execute(table.update().where(table.c.published_version != 0).values(published_version=0))


async def count(connection: AsyncConnection) -> int:
    """How many publications are due, of all kinds."""
    return await connection.scalar(_COUNT) or 0


_COUNT: Final = sa.select(
    sum(
        (
            sa.select(sa.func.count()).select_from(table).where(_is_due(table)).scalar_subquery()
            for table in (space, zone, site, device)
        ),
        start=sa.select(sa.func.count()).where(sa.not_(transition.c.published)).scalar_subquery(),
    )
)
