"""Work on a database that may be away for a while: tried until it is done, or until we are told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import psycopg
import sqlalchemy as sa
from loguru import logger

from parking_gateway.store.engine import UNAVAILABLE, Refused, is_refusal, refusal_of
from parking_gateway.supervision import Backoff, pause

Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 - what happened, not a failure
    """We were told to stop while the database was away. What was in hand is still the broker's, or still due."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to go on, and who may end it."""

    backoff: Backoff
    stop: asyncio.Event
    report: Callable[[str, str | None], None]
    """Called after every attempt with its purpose and why it failed; None: it succeeded."""

    async def __call__(self, work: Callable[[], Awaitable[Result]], *, purpose: str) -> Result:
        """Do the work once. While the database is away, warn and try again; once told to stop, raise `Stopped`.

        Raises `Refused` when it answers and will not have what the work holds: no other attempt would change its mind.
        """
        failures = 0
        while True:
            try:
                result = await work()
            except (sa.exc.DBAPIError, psycopg.Error) as error:
                if is_refusal(error):
                    raise Refused(refusal_of(error)) from error
                if not isinstance(error, UNAVAILABLE):
                    raise
                failures = await self._wait(failures, purpose, refusal_of(error))
            except UNAVAILABLE as error:
                failures = await self._wait(failures, purpose, str(error) or type(error).__name__)
            else:
                self.report(purpose, None)
                return result

    async def _wait(self, failures: int, purpose: str, said: str) -> int:
        self.report(purpose, " ".join(said.split()))
        if self.stop.is_set():
            raise Stopped(purpose)
        wait = self.backoff.wait(failures + 1)
        logger.bind(
            purpose=purpose, error=" ".join(said.split()), attempt=failures + 1, wait_seconds=round(wait, 2)
        ).warning("The database does not answer; trying again")
        await pause(wait, stop=self.stop)
        return failures + 1
