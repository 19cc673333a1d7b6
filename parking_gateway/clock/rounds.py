"""The clock: what has to be done because time passes, not because a message came."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from loguru import logger

from parking_gateway.store import partitions
from parking_gateway.store.database import Database
from parking_gateway.store.verdicts import FAILURES, answer_of

_ROUND: Final = timedelta(hours=1)
_AGAIN: Final = timedelta(seconds=10)
"""After an attempt that failed. Nothing is lost meanwhile: the default partition takes what no month takes."""


async def run(database: Database, *, postponed: Callable[[], None]) -> None:
    """Go round until cancelled. `postponed` is called when a partition could not be made, and will be tried again."""
    logged: str | None = None
    while True:
        reason = await try_partitions(database)
        if reason is not None:
            postponed()
            if reason != logged:
                logger.bind(error=reason).warning("A partition for uplinks cannot be made now; trying again")
        logged = reason
        await asyncio.sleep((_ROUND if reason is None else _AGAIN).total_seconds())


async def try_partitions(database: Database) -> str | None:
    """Make the months that uplinks will soon fall into, unless that has to wait. Returns why it has to."""
    try:
        await make_partitions(database)
    except FAILURES as error:
        database.renew()
        return answer_of(error).sentence
    return None


async def make_partitions(database: Database) -> None:
    """Make them, or raise within moments."""
    async with database.begin() as connection:
        made = await partitions.ensure(connection, now=datetime.now(UTC))
    for name in made:
        logger.bind(partition=name).info("Made a partition for uplinks")
