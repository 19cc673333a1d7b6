"""What is said once an hour, however often it happens and to however many."""

from typing import Final

_HOUR: Final = 3600.0
_MOST: Final = 1000
"""Different things an hour: so much is remembered. Of others nothing is said, because a publisher can invent any number."""


class Hourly:
    """Remembers what was said within the hour."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        """When, the oldest first."""

    def is_due(self, what: str, *, now: float) -> bool:
        """Whether to say it, `now` in seconds of a clock that never goes back. If so, it counts as said."""
        while self._said and now - next(iter(self._said.values())) >= _HOUR:
            del self._said[next(iter(self._said))]
        if what in self._said or len(self._said) >= _MOST:
            return False
        self._said[what] = now
        return True
