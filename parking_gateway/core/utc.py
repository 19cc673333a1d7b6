"""Times of others, in UTC. The calendar of Python, and of PostgreSQL's driver, ends with the years 1 and 9999."""

from datetime import UTC, datetime


def in_utc(time: datetime) -> datetime | None:
    """Convert to UTC. None if the time does not exist there, such as the first hours of the year 1 at another offset."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return None
