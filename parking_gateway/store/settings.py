"""Settings of sites and zones: each is a column of its table. A row whose setting changes is due."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import site, space, zone

_SITE: Final = sa.Column("site", sa.Text, nullable=False)
_ZONE: Final = sa.Column("zone", sa.Text)

Value = tuple[str, str | None, Any]
"""The site, the zone or None, and the value."""


def change(column: str, values: Iterable[Value], *, of_sites: bool) -> Query[set[tuple[str, str | None]]]:
    """Give a setting of these sites or zones these values. The answer is the names of those that had another value."""
    rows = [{"site": of_site, "zone": of_zone, column: value} for of_site, of_zone, value in values]
    return Query(
        statement=_change(column, of_sites=of_sites),
        arguments=encode(_batch(column, of_sites=of_sites), rows),
        read=lambda found: {(one, other) for one, other in found},
    )


def listed(columns: Sequence[str], *, of_sites: bool) -> Query[list[dict[str, Any]]]:
    """Every site or zone by name, with the number of its spaces, and these settings."""
    names = ("site", "spaces", *columns) if of_sites else ("site", "zone", "spaces", *columns)

    def read(rows: Rows) -> list[dict[str, Any]]:
        return [dict(zip(names, row, strict=True)) for row in rows]

    return Query(statement=_listed(tuple(columns), of_sites=of_sites), arguments={}, read=read)


@cache
def _batch(column: str, *, of_sites: bool) -> sa.TableValuedAlias:
    return table_of(_SITE, _ZONE, (site if of_sites else zone).c[column])


@cache
def _change(column: str, *, of_sites: bool) -> Statement:
    table = site if of_sites else zone
    batch = _batch(column, of_sites=of_sites)
    is_it = site.c.name == batch.c.site
    if not of_sites:
        is_it = sa.and_(is_it, zone.c.site_id == site.c.id, zone.c.name == batch.c.zone)
    # The default of the column stands for null where null is not allowed.
    default = table.c[column].server_default
    value: sa.ColumnElement[Any] = batch.c[column]
    if isinstance(default, sa.DefaultClause):
        value = sa.func.coalesce(value, sa.literal_column(f"'{default.arg}'"))
    locked = locked_by_key(
        table.c.id,
        is_it,
        table.c[column].is_distinct_from(value),
        columns=(value.label("value"), site.c.name.label("site"), batch.c.zone.label("zone")),
    )
    update = table.update().where(table.c.id == locked.c.key)
    return Statement(
        update.values({column: locked.c.value, "version": table.c.version + 1}).returning(locked.c.site, locked.c.zone)
    )


@cache
def _listed(columns: tuple[str, ...], *, of_sites: bool) -> Statement:
    table = site if of_sites else zone
    names = (site.c.name,) if of_sites else (site.c.name, zone.c.name)
    return Statement(
        sa.select(*names, sa.func.count(space.c.id), *(table.c[column] for column in columns))
        .select_from(site.outerjoin(zone).outerjoin(space))
        .where(table.c.id.is_not(None))
        .group_by(site.c.id, *(() if of_sites else (zone.c.id,)))
        .order_by(*names)
    )
