"""The trials of this suite."""

from functools import partial
from typing import Final

from tests.proof import trial as proof

TRIALS: Final[list[proof.Trial]] = []
"""All of them, in the order of their definition."""
trial: Final = partial(proof.trial, among=TRIALS)
"""Registers a function as one of them."""
