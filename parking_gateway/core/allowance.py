"""An amount that may be used within a time, such as an hour. Pure."""

from datetime import datetime, timedelta
from typing import Final

_HOUR: Final = timedelta(hours=1)


class Allowance:
    """An amount for a time: all of it may be used at once, and it comes back evenly within that time."""

    def __init__(self, most: int, within: timedelta = _HOUR) -> None:
        self._most = most
        self._within = within
        self._left = float(most)
        self._at: datetime | None = None

    def left(self, now: datetime) -> int:
        """The amount that may be used now. A clock that was set back gives nothing back."""
        if self._at is not None and now > self._at:
            self._left = min(float(self._most), self._left + (now - self._at) / self._within * self._most)
        self._at = now
        return int(self._left)

    def change(self, most: int) -> None:
        """Allow another amount from now on. What was used stays used."""
        self._left = max(0.0, self._left + most - self._most)
        self._most = most

    def use(self, amount: int, now: datetime) -> None:
        """Use an amount. More than the rest is the rest. A part of one that has come back already is not lost."""
        self.left(now)
        self._left = max(0.0, self._left - amount)

    def give_back(self, amount: int) -> None:
        """What was used for nothing may be used again."""
        self._left = min(float(self._most), self._left + amount)
