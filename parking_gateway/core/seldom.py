"""How often the same thing is told: once in a while, however often it happens and to however many. Pure."""


class Seldom:
    """Remembers what was told lately, up to `most` different things: a publisher can invent any number of them."""

    def __init__(self, seconds: float, *, most: int = 1000) -> None:
        """`seconds` lie at least between two times that the same thing is told."""
        self._seconds = seconds
        self._most = most
        self._told: dict[str, float] = {}
        """When, the oldest first."""

    def is_due(self, what: str, *, now: float) -> bool:
        """Whether to tell it, `now` in seconds of a clock that never goes back. If so, it counts as told."""
        while self._told and now - next(iter(self._told.values())) >= self._seconds:
            del self._told[next(iter(self._told))]
        if what in self._told or len(self._told) >= self._most:
            return False
        self._told[what] = now
        return True
