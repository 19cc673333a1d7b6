"""The end of a connection because of a stop: the batch in hand, then what is due, within `gateway.stop_timeout`."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from loguru import logger

from parking_gateway.store.patience import StopRequested

_UNWINDING: Final = 0.2
"""Seconds for tasks to end after their connections were ended."""


async def finish(
    intake: asyncio.Task[None],
    outbox: asyncio.Task[None],
    *,
    within: timedelta,
    finish_outbox: Callable[[], None],
    hang_up: Callable[[], None],
) -> None:
    """Wait for the end of the intake, and then of the outbox. After `within`, `hang_up` ends the database's connections."""
    # The tasks are not awaited directly: a timeout would cancel them before their connections are ended.
    until = asyncio.get_running_loop().time() + within.total_seconds()
    await asyncio.wait({intake}, timeout=within.total_seconds())
    finish_outbox()
    await asyncio.wait({outbox}, timeout=until - asyncio.get_running_loop().time())
    if intake.done() and outbox.done():
        return
    # Nothing is lost: the broker or the journal has the messages, and the database has the due rows.
    logger.warning("Not everything was finished within gateway.stop_timeout; it will be at the next start")
    hang_up()
    await asyncio.wait({intake, outbox}, timeout=_UNWINDING)
    intake.cancel()
    outbox.cancel()


async def unless_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do the work. An absent database during a stop is no failure."""
    try:
        await work
    except* StopRequested:
        logger.warning("The database was away when we stopped; what was in hand is done at the next start")
