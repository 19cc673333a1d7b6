"""The log of what the spaces did. Rows are only ever added."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.space import Transition
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import transition

_BATCH: Final = table_of(
    sa.Column("position", sa.Integer),
    transition.c.space,
    transition.c["from"],
    transition.c["to"],
    transition.c.at,
    transition.c.cause,
)
_LOGGED: Final = ("space", "from", "to", "at", "cause")
_APPEND: Final = transition.insert().from_select(
    [transition.c[name] for name in _LOGGED],
    # Ids are given in this order, so that a space's log reads by id.
    sa.select(*(_BATCH.c[name] for name in _LOGGED)).order_by(_BATCH.c.position),
)


async def append(connection: AsyncConnection, steps: Sequence[Transition]) -> None:
    """Add the steps to the log, in their order."""
    await connection.execute(
        _APPEND,
        encode(
            {
                "position": position,
                "space": step.space,
                "from": step.before,
                "to": step.after,
                "at": step.at,
                "cause": step.cause,
            }
            for position, step in enumerate(steps)
        ),
    )
