"""Work on a database that may be away for a while: tried until it is done, or until we are told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import sqlalchemy as sa
from loguru import logger

from parking_gateway.store.engine import UNAVAILABLE, is_refusal, refusal_of
from parking_gateway.supervision import Backoff, pause

Result = TypeVar("Result")


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to go on, and who may end it."""

    backoff: Backoff
    stop: asyncio.Event
    report: Callable[[bool], None]
    """Told after every attempt whether the database was there."""

    async def __call__(self, work: Callable[[], Awaitable[Result]], *, purpose: str) -> Result:
        """Do the work once. After a failure of the database, warn and try again; once told to stop, raise it instead."""
        failures = 0
        while True:
            try:
                result = await work()
            except UNAVAILABLE as error:
                if self.stop.is_set() or (isinstance(error, sa.exc.DBAPIError) and is_refusal(error)):
                    raise
                self.report(False)  # noqa: FBT003 - one fact, nothing to mistake it for
                failures += 1
                wait = self.backoff.wait(failures)
                said = refusal_of(error) if isinstance(error, sa.exc.DBAPIError) else str(error) or type(error).__name__
                logger.bind(purpose=purpose, error=said.strip(), attempt=failures, wait_seconds=round(wait, 2)).warning(
                    "The database does not answer; trying again"
                )
                await pause(wait, stop=self.stop)
            else:
                self.report(True)  # noqa: FBT003 - as above
                return result
