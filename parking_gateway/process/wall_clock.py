"""The wall clock. It is passed as an argument, so that a test or a simulation can pass another one."""

from collections.abc import Callable
from datetime import UTC, datetime

WallClock = Callable[[], datetime]
"""Returns the present time, in UTC."""


def utc() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)
