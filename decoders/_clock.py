"""The clocks of devices."""

from datetime import UTC, datetime
from typing import Final

NEVER_SET: Final = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
"""A clock that was never set since the battery was inserted counts from 1970 or 2000."""


def unix_time(seconds: int) -> datetime | None:
    """Return the UTC time of a uint32 of seconds since 1970; None if the clock was never set."""
    return datetime.fromtimestamp(seconds, UTC) if seconds >= NEVER_SET else None
