"""The log of what the spaces did. Rows are only ever added."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.space import Transition
from parking_gateway.store.query import Query, Statement, command
from parking_gateway.store.rows import arguments, table_of
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
_APPEND: Final = Statement(
    transition.insert().from_select(
        [transition.c[name] for name in _LOGGED],
        # Ids are given in this order, so that a space's log reads by id.
        sa.select(*(_BATCH.c[name] for name in _LOGGED)).order_by(_BATCH.c.position),
    )
)


def append(steps: Sequence[Transition]) -> Query[None]:
    """Add the steps to the log, in their order."""
    columns: dict[str, Sequence[Any]] = {
        "position": list(range(len(steps))),
        "space": [step.space for step in steps],
        "from": [step.before for step in steps],
        "to": [step.after for step in steps],
        "at": [step.at for step in steps],
        "cause": [step.cause for step in steps],
    }
    return command(_APPEND, arguments(**columns))
