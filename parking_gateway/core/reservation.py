"""A right to a space for a time range. The clock and the people who book change this aspect of a space."""

from datetime import datetime

import msgspec


class Reservation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A right to a space from `start` up to, and not including, `end`."""

    id: str
    start: datetime
    end: datetime

    def holds_at(self, now: datetime) -> bool:
        """Whether the right exists at `now`."""
        return self.start <= now < self.end
