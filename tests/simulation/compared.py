"""The rows of PostgreSQL and of its double, as they are compared."""

import json
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.tables import metadata
from tests.simulation.rows import Row, Tables

COMPARED: Final = {
    "site": ("id",),
    "zone": ("id",),
    "space": ("id",),
    "device": ("dev_eui",),
    "installation": ("dev_eui", "channel"),
    "codec": ("id",),
    "uplink": ("time", "deduplication_id"),
    "transition": ("id",),
    "past_stay": ("id",),
    "offer": ("id",),
    "late": ("space",),
    "stale_hour": ("id",),
    "outgoing": ("id",),
    "notice": ("id",),
    "gateway": ("instance",),
    "broker_session": ("client_id",),
}
"""Tables by their keys."""
OTHERWISE: Final = frozenset({"ctid", "watched_since", "expires_at", "names", "instance", "client_id"})
"""Columns of the double that are written in another way."""


async def rows_of_postgresql(engine: AsyncEngine, table: str) -> list[Row]:
    """The rows of a table, in the order of its key."""
    columns = [column for column in metadata.tables[table].c if column.name not in OTHERWISE]
    asked = sa.select(*columns).order_by(*(metadata.tables[table].c[name] for name in COMPARED[table]))
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(asked)).mappings()]


def rows_of_double(tables: Tables, table: str) -> list[Row]:
    """The same of the double."""
    rows = [row for _, row in sorted(tables.rows[table].items(), key=_key)]
    return [{name: _value(name, row[name]) for name in sorted(row.keys() - OTHERWISE)} for row in rows]


def _key(one: tuple[Any, Row]) -> Any:
    return one[0]


def like(row: Row, others: Iterable[Row]) -> Row:
    """The columns of a row that the others have too."""
    names = next(iter(others), {})
    return {name: _value(name, row[name]) for name in names}


def _value(name: str, value: Any) -> Any:
    if name == "published_version":  # only that no row has had it before
        return max(value, -1)
    if name in ("snapshot", "body", "options") and isinstance(value, str):
        return json.loads(value)
    return sorted(value) if name == "filters" else value
