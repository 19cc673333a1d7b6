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
        number = next((seed for seed in range(1, _MUTANT_SEEDS + 1) if run(seed).failure), None)
    return mutant.__name__, number
