"""The clock: what has to be done because time passes, not because a message came."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from loguru import logger

from parking_gateway.store import partitions
from parking_gateway.store.engine import Engine
from parking_gateway.store.patience import Patience

_ROUND: Final = timedelta(hours=1)


async def run(engine: Engine, *, patience: Patience) -> None:
    """Go round until cancelled."""
    while True:
        await patience(partial(make_partitions, engine), purpose="partitions")
        await asyncio.sleep(_ROUND.total_seconds())


async def make_partitions(engine: Engine) -> None:
    """Make the months that uplinks will soon fall into."""
    async with engine.begin() as connection:
        for name in await partitions.ensure(connection, now=datetime.now(UTC)):
            logger.bind(partition=name).info("Made a partition for uplinks")
