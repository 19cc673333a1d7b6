"""What the broker does not know yet: rows whose version is ahead of the one it confirmed. This is the whole outbox.

No index finds them, because one would have to be written with every change: whoever changes a space says which, and now
and then all are looked through, for what others changed.

What the broker then confirms is written down by `confirmations`.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.publication import CountsMessage, DeviceMessage, SpaceMessage, TransitionMessage
from parking_gateway.space import SpaceId
from parking_gateway.store.pipeline import Query, Rows, Statement, together
from parking_gateway.store.rows import Arguments, array_of, listed
from parking_gateway.store.tables import device, installation, site, space, transition, zone


class Kind(StrEnum):
    """What can be due, by the table whose rows it is read from."""

    SPACE = "space"
    """With the steps of its log that led to its state."""
    DEVICE = "device"
    ZONE = "zone"
    SITE = "site"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due, and the row that its confirmation settles."""

    key: int | str
    version: int
    published_version: int
    message: SpaceMessage | CountsMessage | DeviceMessage
    steps: tuple[TransitionMessage, ...] = ()
    """Of a space: what its log has gained since the last confirmation."""


_CAR_PARK: Final = space.join(zone).join(site)
_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)
_IS_GIVEN: Final = space.c.id.in_(listed("keys", sa.BigInteger))
_STEPS_AT_ONCE: Final = 5000


def _is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.version > table.c.published_version


_ALL_SPACES: Final = (
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
)


_CHANGED_SPACES: Final = _ALL_SPACES.where(_IS_GIVEN)
_SPACES: Final = _ALL_SPACES.limit(_LIMIT)


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

_STEPS: Final = (
    sa.select(
        transition.c.space.label("key"),
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
    .where(_IS_GIVEN, transition.c.id > space.c.published_transition)
    .order_by(transition.c.id)
    .limit(_STEPS_AT_ONCE)
)


def _statement(select: sa.Select[Any]) -> tuple[Statement, list[str]]:
    """With the names of its columns, which are those of the messages."""
    return Statement(select), [str(column.name) for column in select.selected_columns]


_READ: Final[dict[Kind, tuple[Statement, list[str], type[SpaceMessage | CountsMessage | DeviceMessage]]]] = {
    Kind.SPACE: (*_statement(_SPACES), SpaceMessage),
    Kind.DEVICE: (*_statement(_DEVICES), DeviceMessage),
    Kind.ZONE: (*_statement(_ZONES), CountsMessage),
    Kind.SITE: (*_statement(_SITES), CountsMessage),
}
_READ_CHANGED: Final = (*_statement(_CHANGED_SPACES), SpaceMessage)
_READ_STEPS: Final = _statement(_STEPS)


async def read(connection: AsyncConnection, kind: Kind, *, limit: int) -> list[Due]:
    """Up to `limit` rows of a kind that the broker does not know yet. Looks through the whole table."""
    (found,) = await together(connection, _due(*_READ[kind], {"limit": limit}))
    if kind is not Kind.SPACE or not found:
        return found
    (steps,) = await together(connection, _steps(one.key for one in found))
    return _with_steps(found, steps)


async def read_spaces(connection: AsyncConnection, spaces: Collection[SpaceId]) -> list[Due]:
    """Those of the spaces that the broker does not know yet as they are."""
    # The steps come second, so that no state is read whose steps are not.
    found, steps = await together(connection, _due(*_READ_CHANGED, _keys(spaces)), _steps(spaces))
    return _with_steps(found, steps)


def _due(
    statement: Statement,
    names: list[str],
    message_type: type[SpaceMessage | CountsMessage | DeviceMessage],
    arguments: Arguments,
) -> Query[list[Due]]:
    def read(rows: Rows) -> list[Due]:
        return [_one_due(dict(zip(names, row, strict=True)), message_type) for row in rows]

    return Query(statement=statement, arguments=arguments, read=read)


def _one_due(row: dict[str, Any], message_type: type[SpaceMessage | CountsMessage | DeviceMessage]) -> Due:
    return Due(
        key=row["key"],
        version=row["version"],
        published_version=row["published_version"],
        message=msgspec.convert(row, message_type),
    )


def _steps(spaces: Iterable[int | str]) -> Query[list[tuple[int, TransitionMessage]]]:
    """What the logs of these spaces have gained since the last confirmation, by space, the oldest first."""
    statement, names = _READ_STEPS

    def read(rows: Rows) -> list[tuple[int, TransitionMessage]]:
        return [(row[0], msgspec.convert(dict(zip(names, row, strict=True)), TransitionMessage)) for row in rows]

    return Query(statement=statement, arguments=_keys(spaces), read=read)


def _with_steps(spaces: list[Due], found: list[tuple[int, TransitionMessage]]) -> list[Due]:
    steps: dict[int | str, list[TransitionMessage]] = {}
    for key, step in found:
        steps.setdefault(key, []).append(step)
    # Where the log is longer than is read at once, the state stays due until the rest has been published.
    is_whole = len(found) < _STEPS_AT_ONCE
    return [
        msgspec.structs.replace(
            one, steps=tuple(steps.get(one.key, ())), version=one.version if is_whole else one.published_version
        )
        for one in spaces
    ]


def _keys(keys: Iterable[int | str]) -> dict[str, str]:
    return {"keys": array_of(list(keys))}


async def count(connection: AsyncConnection) -> int:
    """How many publications are due, of all kinds."""
    return await connection.scalar(_COUNT) or 0


_COUNT: Final = sa.select(
    sum(
        (
            sa.select(sa.func.count()).select_from(table).where(_is_due(table)).scalar_subquery()
            for table in (zone, site, device)
        ),
        start=sa.select(sa.func.count()).select_from(space).where(_is_due(space)).scalar_subquery(),
    )
)
