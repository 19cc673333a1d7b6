"""How often the retained tree is read back. A connection that flaps must not read a million topics again and again. Pure."""

from collections import deque
from typing import Final

_FREE: Final = 3
"""Readings without a wait."""
_REMEMBERED: Final = 300.0
"""Seconds."""
_LONGEST: Final = 64.0
"""Seconds."""


class Pace:
    """Remembers when readings began, by seconds of any one clock."""

    def __init__(self) -> None:
        self._began: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until the next reading may begin: none for the first ones, then twice as long each time."""
        while self._began and now - self._began[0] >= _REMEMBERED:
            self._began.popleft()
        beyond = len(self._began) - _FREE
        return 0.0 if beyond < 0 else min(_LONGEST, 2.0 ** (beyond + 1))

    def begin(self, now: float) -> None:
        """A reading begins."""
        self._began.append(now)
