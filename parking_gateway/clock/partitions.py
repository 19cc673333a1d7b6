"""Partitions: the months that uplinks will soon fall into. Without them the default partition takes the uplinks."""

from datetime import datetime

from loguru import logger

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import partitions
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Make the partitions, or raise within moments where another statement uses the default partition."""
    for name in await make_missing(database, now=moment.now):
        logger.bind(partition=name).info("Made a partition for uplinks")
    return Committed()


async def make_missing(database: Database, *, now: datetime) -> list[str]:
    """Make the missing partitions of the month of `now` and the months after it, and return their names.

    Raises within `partitions.LOCK_TIMEOUT` if another session uses the default partition.
    """
    async with database.connect() as connection:
        (missing,) = await connection.together(partitions.missing(partitions.months(now)))
        if not missing:
            return []
        # Looked up once more with the lock in hand, because another gateway may have made them meanwhile.
        *_, missing = await connection.together(*partitions.lock_default(), partitions.missing(missing))
        await connection.commit_together(*map(partitions.make, missing))
    return [month.partition for month in missing]
