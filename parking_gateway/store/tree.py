"""All rows, page by page, and their names. The retained tree is compared with them."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.due import Due, DueKind
from parking_gateway.store.confirmations import due_again
from parking_gateway.store.due_counts import counts, site_of, zone_of
from parking_gateway.store.due_devices import DEVICES, device_of
from parking_gateway.store.due_rows import ALL_SPACES, KEY_OF, Source, behind, space_of
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import Arguments, arguments, table_of
from parking_gateway.store.tables import device, site, space, zone

Names = tuple[str, ...]
"""Site, zone and space of a space, site and zone of a zone, the name of a site, the DevEUI of a device."""


PAGE: Final = 500
"""Rows that are read at once."""


def page(kind: DueKind, *, after: int | str | None) -> Query[list[Due]]:
    """The first rows of a kind by their keys, behind the key `after`, due or not: a page, or what is left."""
    source = _ALL[kind]
    return Query(
        statement=source.statement, arguments=behind(kind, after), read=lambda rows: list(map(source.read, rows))
    )


def publish_again(kind: DueKind, rows: Sequence[Due]) -> Query[set[int | str]]:
    """Make these due unless they have changed since they were read. The answer is the keys of those that are due now."""
    keys = [one.key for one in rows]
    versions = [one.version for one in rows]
    columns: dict[str, Sequence[Any]] = {KEY_OF[kind].name: keys, "version": versions, "published_version": versions}
    return Query(statement=_AGAIN[kind], arguments=arguments(**columns), read=_keys)


def without_row(kind: DueKind, names: Collection[Names]) -> Query[set[Names]]:
    """The names without a row, of these names."""
    return Query(statement=_WITHOUT_ROW[kind], arguments=_columns(names), read=_names)


def publish_named(kind: DueKind, names: Collection[Names]) -> Query[None]:
    """Make rows with these names due, because their topics may just have been cleared."""
    return command(_NAMED_AGAIN[kind], _columns(names))


def _next_keys(key: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    """The next keys behind the key `after`: PostgreSQL reads these of the index, and joins their rows only."""
    after = sa.bindparam("after", type_=key.type)
    return sa.select(key).where(key > after).order_by(key).limit(PAGE).scalar_subquery()


_ALL: Final = {
    DueKind.SPACE: Source(
        statement=Statement(ALL_SPACES.where(space.c.id.in_(_next_keys(space.c.id))).order_by(space.c.id)),
        read=space_of,
    ),
    DueKind.DEVICE: Source(
        statement=Statement(
            DEVICES.where(device.c.dev_eui.in_(_next_keys(device.c.dev_eui))).order_by(device.c.dev_eui)
        ),
        read=device_of,
    ),
    DueKind.ZONE: Source(statement=counts(_next_keys(zone.c.id), zone, site.c.name, zone.c.name), read=zone_of),
    DueKind.SITE: Source(statement=counts(_next_keys(site.c.id), site, site.c.name), read=site_of),
}
_CAR_PARK: Final = {
    DueKind.SITE: site,
    DueKind.ZONE: zone.join(site),
    DueKind.SPACE: space.join(zone).join(site),
    DueKind.DEVICE: device,
}
_NAMES: Final[dict[DueKind, tuple[sa.Column[Any], ...]]] = {
    DueKind.SITE: (site.c.name,),
    DueKind.ZONE: (site.c.name, zone.c.name),
    DueKind.SPACE: (site.c.name, zone.c.name, space.c.name),
    DueKind.DEVICE: (device.c.dev_eui,),
}
_COLUMNS: Final = ("first", "second", "third")


def _columns(names: Collection[Names]) -> Arguments:
    by_position = zip(_COLUMNS, zip(*names, strict=True), strict=False)
    return arguments(**dict(by_position))


def _again(kind: DueKind) -> Statement:
    key = KEY_OF[kind]
    table = key.table
    batch = table_of(key, table.c.version, table.c.published_version)
    update = due_again(
        key,
        key == batch.c[key.name],
        table.c.version == batch.c.version,
        table.c.published_version == batch.c.published_version,
    )
    return Statement(update.returning(key))


def _batch(kind: DueKind) -> tuple[sa.TableValuedAlias, sa.ColumnElement[bool]]:
    """The names of a batch as a table, and whether a row of the car park has them."""
    batch = table_of(*(sa.Column(name, sa.Text) for name, _ in zip(_COLUMNS, _NAMES[kind], strict=False)))
    return batch, sa.and_(*(name == given for name, given in zip(_NAMES[kind], batch.c, strict=True)))


def _without_row(kind: DueKind) -> Statement:
    batch, has_names = _batch(kind)
    return Statement(sa.select(*batch.c).where(~sa.exists().select_from(_CAR_PARK[kind]).where(has_names)))


def _named_again(kind: DueKind) -> Statement:
    batch, has_names = _batch(kind)
    key = KEY_OF[kind]
    named = sa.select(key).select_from(_CAR_PARK[kind].join(batch, has_names))
    return Statement(due_again(key, key.in_(named)))


_AGAIN: Final = {kind: _again(kind) for kind in DueKind}
_WITHOUT_ROW: Final = {kind: _without_row(kind) for kind in DueKind}
_NAMED_AGAIN: Final = {kind: _named_again(kind) for kind in DueKind}


def _keys(rows: Rows) -> set[int | str]:
    return {key for (key,) in rows}


def _names(rows: Rows) -> set[Names]:
    return {tuple(row) for row in rows}
