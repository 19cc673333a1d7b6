"""What the broker has confirmed: written beside the rows, so that they are no longer due.

A row is confirmed against the `published_version` it was read with. If that has changed, another gateway published the
row meanwhile and nobody knows whose message came last: the row is due again. So the last message to reach the broker is
the newest, however many gateways publish.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from parking_gateway.store.database import Connection
from parking_gateway.store.due import Due, Kind
from parking_gateway.store.due_rows import is_due
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import arguments, array_of, listed, table_of
from parking_gateway.store.tables import device, site, space, zone

_NEVER: Final = -1
"""No row has this `published_version`."""
_IS_GIVEN: Final = space.c.id.in_(listed("keys", sa.BigInteger))


def _confirm(table: sa.Table, key: sa.Column[Any]) -> Statement:
    extra = [table.c.published_transition] if table is space else []
    batch = table_of(key, table.c.version, table.c.published_version, *extra)
    # Locked in the order in which everybody locks, then written.
    locked = (
        sa.select(
            key.label("key"),
            batch.c.version.label("confirmed"),
            batch.c.published_version.label("expected"),
            *(batch.c[column.name] for column in extra),
        )
        .select_from(table.join(batch, key == batch.c[key.name]))
        .order_by(key)
        .with_for_update(of=table, key_share=True)
        .cte("locked")
    )
    nobody_else_did = table.c.published_version == locked.c.expected
    values = {column.name: sa.func.greatest(column, locked.c[column.name]) for column in extra}
    update = (
        table.update()
        .where(key == locked.c.key)
        .values(published_version=sa.case((nobody_else_did, locked.c.confirmed), else_=0), **values)
        .returning(key, is_due(table))
    )
    return Statement(update)


_CONFIRM: Final = {
    Kind.SPACE: _confirm(space, space.c.id),
    Kind.ZONE: _confirm(zone, zone.c.id),
    Kind.SITE: _confirm(site, site.c.id),
    Kind.DEVICE: _confirm(device, device.c.dev_eui),
}


def _recount(table: sa.Table, of_spaces: sa.Select[Any]) -> Statement:
    touched = (
        sa.select(table.c.id)
        .where(table.c.id.in_(of_spaces))
        .order_by(table.c.id)
        .with_for_update(key_share=True)
        .cte("touched")
    )
    return Statement(table.update().where(table.c.id == touched.c.id).values(version=table.c.version + 1))


_RECOUNT: Final = (
    _recount(zone, sa.select(space.c.zone_id).where(_IS_GIVEN)),
    _recount(site, sa.select(zone.c.site_id).join(space).where(_IS_GIVEN)),
)


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What the database answered to a confirmation."""

    still_due: set[int | str]
    """The keys of rows that are due all the same."""
    marker_before: int | None
    """The number of the marker that was confirmed before; None where no marker was given."""


async def confirm(
    connection: Connection, kind: Kind, published: Sequence[Due], *, marker: Query[int] | None = None
) -> Confirmed:
    """Write down and commit that the broker has confirmed these, and the marker behind them.

    Zones and sites of published spaces are due for a new count.
    """
    keys = {"keys": array_of([one.key for one in published])}
    recounts = [command(recount, keys) for recount in _RECOUNT] if kind is Kind.SPACE else []
    still_due, *others = await connection.commit_together(
        Query(statement=_CONFIRM[kind], arguments=_confirmed(kind, published), read=_still_due),
        *recounts,
        # The last, so that its row is locked for the commit only.
        *([] if marker is None else [marker]),
    )
    return Confirmed(still_due=still_due, marker_before=None if marker is None else others[-1])


def _still_due(rows: Rows) -> set[int | str]:
    return {key for key, is_still_due in rows if is_still_due}


def doubted(published: Sequence[Due]) -> list[Due]:
    """These rows for `confirm`, so that all of them are due again: for a database that may have lost their last change."""
    return [msgspec.structs.replace(one, published_version=_NEVER, steps=()) for one in published]


async def publish_all_again(connection: Connection) -> None:
    """Everything that is retained is due: for a broker that has forgotten, or an operator who wants to be sure."""
    for table in (space, zone, site, device):
        await connection.execute(table.update().where(table.c.published_version != 0).values(published_version=0))


def _confirmed(kind: Kind, published: Sequence[Due]) -> dict[str, str]:
    columns: dict[str, Sequence[Any]] = {
        "dev_eui" if kind is Kind.DEVICE else "id": [one.key for one in published],
        "version": [one.version for one in published],
        "published_version": [one.published_version for one in published],
    }
    if kind is Kind.SPACE:
        columns["published_transition"] = [one.steps[-1].id if one.steps else 0 for one in published]
    return arguments(**columns)
