"""What the processes of `make simulate` do."""

import gc
import sys
from collections.abc import Sequence
from typing import Final

from loguru import logger

from tests.simulation.mutants import MUTANTS
from tests.simulation.universe import Outcome, run

_MUTANT_SEEDS: Final = 300
"""Within so many universes a planted mistake has to be found."""
_FIRST: Final = {"confirms_over_another_gateway": 501}
"""Where the search begins for one that shows itself seldom: in five of 1,800 universes. Else at the first."""


def prepare() -> None:
    """Of a process: it logs nothing, and does not look through its modules for garbage again and again."""
    logger.remove()
    # A task that a power cut has ended complains when it is thrown away, because its event loop is gone.
    sys.unraisablehook = lambda _: None
    gc.collect()
    gc.freeze()


def run_some(seeds: Sequence[int]) -> list[Outcome]:
    """How these universes ended."""
    return [run(seed) for seed in seeds]


def hunt(place: int) -> tuple[str, int | None]:
    """The name of a planted mistake, and in which universe it was found."""
    mutant = MUTANTS[place]
    with mutant():
        first = _FIRST.get(mutant.__name__, 1)
        number = next((seed for seed in range(first, first + _MUTANT_SEEDS) if run(seed).failure), None)
    return mutant.__name__, number
