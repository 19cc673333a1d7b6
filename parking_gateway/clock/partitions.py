"""Partitions: the months that uplinks will soon fall into. Without them the default partition takes the uplinks."""

from loguru import logger

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import partitions
from parking_gateway.store.database import Database


async def make(database: Database, moment: Moment) -> Committed:
    """Make the partitions, or raise within moments where another statement uses the default partition."""
    async with database.begin() as connection:
        made = await partitions.ensure(connection, now=moment.now)
    for name in made:
        logger.bind(partition=name).info("Made a partition for uplinks")
    return Committed()
