"""The wall clock. What needs the time is given a clock, so that a test or a simulation can give it another one."""

from collections.abc import Callable
from datetime import UTC, datetime

WallClock = Callable[[], datetime]
"""Returns the present time, in UTC."""


def utc() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)
