"""The log of the steps of the spaces. Rows are only ever added."""

from collections.abc import Sequence

from parking_gateway.core.space import Transition
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, command
from parking_gateway.store.rows import arrays


def append(steps: Sequence[Transition]) -> Query[None]:
    """Add the steps to the log, in their order."""
    columns = arrays(
        number=list(range(len(steps))),
        space=[step.space for step in steps],
        to=[step.after for step in steps],
        at=[step.at for step in steps],
        cause=[step.cause for step in steps],
        **{"from": [step.before for step in steps]},
    )
    return command(HOT["append_steps"], columns)
