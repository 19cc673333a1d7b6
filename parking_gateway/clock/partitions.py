"""Partitions: the months that rows will soon fall into. Without them the default partitions take the rows."""

from datetime import datetime

from loguru import logger

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import partitions
from parking_gateway.store.database import Database
from parking_gateway.store.partitions import Month


async def go(database: Database, moment: Moment) -> Committed:
    """Make the partitions, or raise within moments where another statement uses a default partition."""
    if made := await make_missing(database, now=moment.now):
        logger.bind(partitions=made).info("Made partitions")
    return Committed()


async def make_missing(database: Database, *, now: datetime) -> list[str]:
    """Make the missing partitions of the month of `now` and the months after it, and return their names.

    Raises within `partitions.LOCK_TIMEOUT` if another session uses a default partition. Months that are made stay.
    """
    async with database.connect() as connection:
        (missing,) = await connection.commit_together(partitions.missing(partitions.months(now)))
    return [month.partition for month in missing if await _make(database, month, now=now)]


async def _make(database: Database, month: Month, *, now: datetime) -> bool:
    """Make one, unless that would hold up rows for long."""
    async with database.connect() as connection:
        (found,) = await connection.commit_together(partitions.look(month))
        if found.is_crowded:  # by a wrong clock. Its rows stay where they are, and so do all others of this month.
            return False
        if found.is_large and month.first > now:
            await connection.together(*partitions.lock_default(month.table))
            await connection.commit_together(partitions.exclude(month))
            await connection.commit_together(partitions.prove_excluded(month))
        # Looked up once more with the lock in hand, because another gateway may have made it meanwhile.
        *_, missing = await connection.together(*partitions.lock_default(month.table), partitions.missing([month]))
        if missing:
            await connection.commit_together(partitions.make(month))
        return bool(missing)
