"""A limit for repeated messages to people: each at most once in a while. Pure."""


class Seldom:
    """Remembers recent messages, up to `most` different ones, because a publisher can cause any number of them."""

    def __init__(self, seconds: float, *, most: int = 1000) -> None:
        """`seconds` is the shortest time between two messages with the same key."""
        self._seconds = seconds
        self._most = most
        self._shown_at: dict[str, float] = {}
        """By key, the oldest first."""

    def is_due(self, key: str, *, now: float) -> bool:
        """Whether to show the message, and if so, count it as shown. `now`: seconds of a clock that never goes back."""
        while self._shown_at and now - next(iter(self._shown_at.values())) >= self._seconds:
            del self._shown_at[next(iter(self._shown_at))]
        if key in self._shown_at or len(self._shown_at) >= self._most:
            return False
        self._shown_at[key] = now
        return True
