"""A trial: one kind of fault under load. Each registers itself where it is defined."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from tests.proof.rig import SPACES, Rig

Break = Callable[[Rig, int], Awaitable[None]]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What is broken, and how often."""

    number: str
    """Its kind, such as T1 or pair."""
    title: str
    """What is broken, as the table shows it."""
    run: Break
    """Breaks it so many times, and proves each time that it is broken."""
    short: int
    """How many times in the suite. 0: only in the long form."""
    long: int
    """How many times in the long form."""
    spaces: int
    """Spaces of the car park, each with a sensor."""

    def times(self, *, is_long: bool) -> int:
        """How many times it is broken in this form."""
        return self.long if is_long else self.short


TRIALS: Final[list[Trial]] = []
"""All of them, in the order of their definition."""


def trial(
    number: str, title: str, *, short: int, long: int, spaces: int = SPACES, among: list[Trial] = TRIALS
) -> Callable[[Break], Break]:
    """Register a function as a trial."""

    def register(run: Break) -> Break:
        among.append(Trial(number=number, title=title, run=run, short=short, long=long, spaces=spaces))
        return run

    return register
