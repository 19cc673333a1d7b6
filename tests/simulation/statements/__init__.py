"""The statements of the two loops and of the history, as they work on `rows`. A statement that is not here is an error."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Transaction
from tests.simulation.statements import (
    corrections,
    devices,
    gateways,
    history,
    outgoing,
    past,
    publication,
    rejections,
    retained,
    silence,
    spaces,
    uplinks,
)

Execute = Callable[[Transaction, Arguments], Coroutine[Any, Any, Rows]]

STATEMENTS: Final[dict[bytes, Execute]] = {
    name: execute
    for room in (
        uplinks,
        spaces,
        past,
        devices,
        publication,
        retained,
        gateways,
        outgoing,
        history,
        corrections,
        rejections,
        silence,
    )
    for name, execute in room.STATEMENTS.items()
}
"""By the name of the statement."""
