"""What the broker does not know yet: rows whose version is not the one it confirmed. This is the whole outbox.

Due rows have no index: it would be written with every change. Whoever changes a space passes its id to the outbox; every
`poll_interval` the whole table is scanned for changes made by other processes.

What the broker confirms is written down by `confirmations`.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec
import sqlalchemy as sa

from parking_gateway.contract.messages import SpaceMessage, TransitionMessage
from parking_gateway.core.space import SpaceId
from parking_gateway.store.database import Connection
from parking_gateway.store.due_rows import (
    CHANGED_SPACES,
    SOURCES,
    STEPS,
    STEPS_AT_ONCE,
    Due,
    Kind,
    Source,
    is_due,
    step,
)
from parking_gateway.store.query import Query, Rows
from parking_gateway.store.rows import Arguments, array_of
from parking_gateway.store.tables import device, site, space, zone

__all__ = ["Due", "Kind", "count", "read", "read_spaces"]


async def read(connection: Connection, kind: Kind, *, limit: int, after: int | str | None = None) -> list[Due]:
    """Up to `limit` rows of a kind that the broker does not know yet, by their keys; the first of those behind `after`.

    Looks through the table.
    """
    # Ended at once, because to leave it to the pool is one more round trip.
    (found,) = await connection.commit_together(_due(SOURCES[kind], {"limit": limit, "after": after}))
    if kind is not Kind.SPACE or not found:
        return found
    (steps,) = await connection.commit_together(_steps(one.key for one in found))
    return _with_steps(found, steps)


async def read_spaces(connection: Connection, spaces: Collection[SpaceId]) -> list[Due]:
    """Those of the spaces that the broker does not know yet as they are."""
    # The steps come second, so that no state is read whose steps are not.
    found, steps = await connection.commit_together(_due(CHANGED_SPACES, _keys(spaces)), _steps(spaces))
    return _with_steps(found, steps)


def _due(source: Source, arguments: Arguments) -> Query[list[Due]]:
    return Query(statement=source.statement, arguments=arguments, read=lambda rows: list(map(source.read, rows)))


def _steps(spaces: Iterable[int | str]) -> Query[Rows]:
    """What the logs of these spaces have gained since the last confirmation, the oldest first."""
    return Query(statement=STEPS, arguments=_keys(spaces), read=lambda rows: rows)


def _with_steps(spaces: list[Due], found: Rows) -> list[Due]:
    if not found:
        return spaces
    messages = {one.key: one.message for one in spaces}
    steps: dict[int | str, list[TransitionMessage]] = {}
    for row in found:
        message = messages.get(row[0])
        if isinstance(message, SpaceMessage):
            steps.setdefault(row[0], []).append(step(row, message))
    # Where the log is longer than is read at once, the state stays due until the rest has been published.
    is_whole = len(found) < STEPS_AT_ONCE
    return [
        msgspec.structs.replace(
            one, steps=tuple(steps.get(one.key, ())), version=one.version if is_whole else one.published_version
        )
        for one in spaces
    ]


def _keys(keys: Iterable[int | str]) -> dict[str, str]:
    return {"keys": array_of(list(keys))}


async def count(connection: Connection) -> int:
    """How many publications are due, of all kinds."""
    return await connection.scalar(_COUNT) or 0


_COUNT: Final = sa.select(
    sum(
        (
            sa.select(sa.func.count()).select_from(table).where(is_due(table)).scalar_subquery()
            for table in (zone, site, device)
        ),
        start=sa.select(sa.func.count()).select_from(space).where(is_due(space)).scalar_subquery(),
    )
)
