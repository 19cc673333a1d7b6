"""Confirmations of the broker, written beside the rows, so that these are no longer due.

A row is confirmed against the `published_version` with which it was read. If that has changed, another gateway published
the row meanwhile, and either message may have been the last. Then the row is due again, with a `published_version` that no
row has had. So the last message that reaches the broker is the newest, however many gateways publish.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec.structs import replace

from parking_gateway.core.due import Due, DueKind, DueSpace, DueStep
from parking_gateway.store.due_rows import is_due
from parking_gateway.store.hot import HOT
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import arguments, arrays, table_of
from parking_gateway.store.tables import device, outgoing, past_stay, reservation, site, space, transition, zone
from parking_gateway.store.tables.columns import never_published

_NEVER: Final = -1
"""No row has this `published_version`."""


def _confirm(table: sa.Table, key: sa.Column[Any]) -> Statement:
    batch = table_of(key, table.c.version, table.c.published_version)
    locked = locked_by_key(
        key,
        key == batch.c[key.name],
        columns=(batch.c.version.label("confirmed"), batch.c.published_version.label("expected")),
    )
    nobody_else_did = table.c.published_version == locked.c.expected
    update = (
        table.update()
        .where(key == locked.c.key)
        .values(published_version=sa.case((nobody_else_did, locked.c.confirmed), else_=never_published()))
        .returning(key, is_due(table))
    )
    return Statement(update)


_CONFIRM: Final = {
    DueKind.ZONE: _confirm(zone, zone.c.id),
    DueKind.SITE: _confirm(site, site.c.id),
    DueKind.DEVICE: _confirm(device, device.c.dev_eui),
}


def confirm(kind: DueKind, published: Sequence[Due]) -> Query[set[int | str]]:
    """Write that the broker has confirmed these. The answer is the keys of rows that are due all the same."""
    columns: dict[str, Sequence[Any]] = {
        "dev_eui" if kind is DueKind.DEVICE else "id": [one.key for one in published],
        "version": [_confirmed(one) for one in published],
        "published_version": [one.published_version for one in published],
    }
    if kind is DueKind.SPACE:
        last = [_last_step(one) for one in published]
        columns["published_transition"] = [0 if one is None else one.id for one in last]
        columns["published_transition_at"] = [None if one is None else one.at for one in last]
        return Query(statement=HOT["confirm_spaces"], arguments=arrays(**columns), read=_still_due)
    return Query(statement=_CONFIRM[kind], arguments=arguments(**columns), read=_still_due)


def recount(spaces: Collection[int | str]) -> list[Query[None]]:
    """Make the zones and sites of spaces due for a new count, given the ids of the spaces."""
    keys = arrays(id=list(spaces))
    return [command(HOT["recount_zones"], keys), command(HOT["recount_sites"], keys)]


def doubted(published: Sequence[Due]) -> list[Due]:
    """These rows for `confirm`, so that all of them are due again: for a database that may have lost their last change."""
    return list(map(_doubted, published))


def all_again() -> list[Query[None]]:
    """Make everything due that is retained: for a broker that has lost it, or for the command `republish`."""
    return [command(statement, {}) for statement in _ALL_AGAIN]


def raise_versions(number: int) -> list[Query[None]]:
    """Raise the versions of spaces and all later ids to at least this number, because higher ones may be published.

    The number is a marker's, so it is a time in microseconds. A space cannot have changed as often.
    """
    return [command(one, {"number": number}) for one in (_RAISE_SPACES, *_RAISE_IDS)]


def due_again(key: sa.Column[Any], *where: sa.ColumnElement[bool]) -> sa.Update:
    """Make the rows of the key's table that meet these conditions due."""
    locked = locked_by_key(key, *where)
    return key.table.update().where(key == locked.c.key).values(published_version=never_published())


_ALL_AGAIN: Final = tuple(
    Statement(due_again(key, key.table.c.published_version > 0))
    for key in (space.c.id, zone.c.id, site.c.id, device.c.dev_eui)
)

_NUMBER: Final = sa.bindparam("number", type_=sa.BigInteger)
_SPACES: Final = locked_by_key(space.c.id)
_RAISE_SPACES: Final = Statement(
    space.update()
    .where(space.c.id == _SPACES.c.key)
    .values(version=sa.func.greatest(space.c.version + 1, _NUMBER), published_version=never_published())
)


def _raise_ids(table: sa.Table) -> Statement:
    sequence = sa.func.pg_get_serial_sequence(table.name, "id")
    return Statement(sa.select(sa.func.setval(sequence, sa.func.greatest(sa.func.nextval(sequence), _NUMBER))))


_RAISE_IDS: Final = tuple(_raise_ids(table) for table in (transition, past_stay, outgoing, reservation))
"""Of rows that others know by their ids."""


def _confirmed(row: Due) -> int:
    # The state of a space whose steps are not all published stays due.
    is_whole = not isinstance(row, DueSpace) or row.has_all_steps
    return row.version if is_whole else row.published_version


def _doubted(row: Due) -> Due:
    if isinstance(row, DueSpace):
        return replace(row, published_version=_NEVER, steps=())
    return replace(row, published_version=_NEVER)


def _last_step(row: Due) -> DueStep | None:
    return row.steps[-1] if isinstance(row, DueSpace) and row.steps else None


def _still_due(rows: Rows) -> set[int | str]:
    return {key for key, is_still_due in rows if is_still_due}
