"""Rows of the register that are removed. The history keeps the steps of removed spaces, and their names."""

from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Statement, command
from parking_gateway.store.rows import array_of, listed
from parking_gateway.store.tables import reservation, site, space, zone

_IDS: Final = listed("ids", sa.BigInteger)
_CANCEL: Final = Statement(
    reservation.update()
    .where(reservation.c.space_id.in_(_IDS), reservation.c.ended_at.is_(None))
    .values(status="cancelled", ended_at=sa.func.now(), why="the space was removed")
)
_DELETE: Final = {table: Statement(table.delete().where(table.c.id.in_(_IDS))) for table in (space, zone, site)}


def cancel_reservations(spaces: Collection[SpaceId]) -> Query[None]:
    """Cancel the reservations of these spaces that are not over."""
    return _delete(_CANCEL, spaces)


def spaces(ids: Collection[SpaceId]) -> Query[None]:
    """Remove the spaces. No device is installed there."""
    return _delete(_DELETE[space], ids)


def zones(ids: Collection[int]) -> Query[None]:
    """Remove the zones, which have no spaces."""
    return _delete(_DELETE[zone], ids)


def sites(ids: Collection[int]) -> Query[None]:
    """Remove the sites, which have no zones."""
    return _delete(_DELETE[site], ids)


def _delete(statement: Statement, ids: Collection[Any]) -> Query[None]:
    return command(statement, {"ids": array_of(list(ids))})
