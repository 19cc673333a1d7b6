"""Work on a database that may be away for a while: one attempt, and attempts until success or a stop."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from parking_gateway.process.waits import Backoff
from parking_gateway.store.database import Database
from parking_gateway.store.verdicts import FAILURES, Diagnosis, Verdict, diagnosis_of

Result = TypeVar("Result")

_CROWD: Final = 0.1
"""Seconds over which waits that one success wakes spread their attempts."""


class StopRequested(Exception):  # noqa: N818 - it is an event
    """A stop was requested while the database was away. The batch is not acknowledged; rows are still due."""


class TakesNothing(Exception):  # noqa: N818 - of the database, not of ours
    """The database has taken nothing for as long as the caller wanted to wait."""


class Refused(Exception):  # noqa: N818 - it is an answer
    """PostgreSQL refuses a value of a statement. The message is PostgreSQL's."""


class DatabaseUnusable(Exception):  # noqa: N818 - it is a state
    """The database cannot be used now, and may be later."""

    def __init__(self, answer: Diagnosis) -> None:
        super().__init__(answer.sentence)
        self.answer = answer


async def attempt(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do the work once.

    Raises `Refused` if PostgreSQL refuses a value, because another attempt would be refused too. Raises `DatabaseUnusable` if
    another attempt may succeed. Any other exception is a bug, also an unknown error of PostgreSQL.
    """
    try:
        return await work()
    except FAILURES as error:
        answer = diagnosis_of(error)
        match answer.verdict:
            case Verdict.FAULT:
                raise Refused(answer.message) from error
            case Verdict.BUG:
                raise
            case Verdict.AWAY | Verdict.NOT_OURS:
                raise DatabaseUnusable(answer) from error


class Patience:
    """Attempts until one succeeds. A success wakes all waits for a connection."""

    def __init__(
        self,
        database: Database,
        *,
        backoff: Backoff,
        stop: asyncio.Event,
        report: Callable[[str, Diagnosis | None], None],
        within: float = math.inf,
    ) -> None:
        """`report` is called after every attempt with its purpose and the reason of its failure, or None.

        `within` is the limit of a call that names none, in seconds.
        """
        self._database = database
        self._backoff = backoff
        self._stop = stop
        self._report = report
        self._within = within
        self._failing: Counter[str] = Counter()
        """How many callers fail at present, by purpose. A purpose stays after its last caller was cancelled, until anything
        succeeds, because it might fail again."""
        self._given_up: set[str] = set()
        """Purposes whose time was over and that are repeated. They fail until they succeed."""
        self._success = asyncio.Event()
        """The next success, of any purpose."""

    async def __call__(
        self,
        work: Callable[[], Awaitable[Result]],
        *,
        purpose: str,
        has_net: bool = False,
        within: float | None = None,
        is_repeated: bool = False,
    ) -> Result:
        """Do the work. While the database cannot be used, try again; after a request to stop, raise `StopRequested`.

        After a failure, and once `within` seconds are over, raise `TakesNothing`. The purpose `is_repeated` if another call
        follows then. So it fails until that one succeeds, whatever else succeeds meanwhile.

        If the caller `has_net` for them, refused values and unforeseen errors are raised, as by `attempt`. Else they are
        waited for like the others, because then their cause is a trigger or a changed column.
        """
        failures = 0
        until = asyncio.get_running_loop().time() + (self._within if within is None else within)
        try:
            while True:
                try:
                    result = await attempt(work)
                except (DatabaseUnusable, Refused, *FAILURES) as error:
                    if has_net and not isinstance(error, DatabaseUnusable):
                        raise
                    failures += 1
                    self._failing[purpose] += failures == 1
                    await self._wait(purpose, _diagnosis_in(error), failures, until)
                else:
                    break
        except TakesNothing:
            if is_repeated:
                self._given_up.add(purpose)
            raise
        finally:
            if failures:
                self._failing[purpose] -= 1
        self._succeeded(purpose)
        return result

    def _succeeded(self, purpose: str) -> None:
        if self._failing:
            self._success.set()
            self._success = asyncio.Event()
        self._given_up.discard(purpose)
        over = [one for one, waiting in self._failing.items() if not waiting and one not in self._given_up]
        for one in over:
            del self._failing[one]
        for one in {purpose, *over} - self._failing.keys():
            self._report(one, None)

    async def _wait(self, purpose: str, answer: Diagnosis, failures: int, until: float) -> None:
        self._database.renew()
        if self._stop.is_set():
            raise StopRequested(purpose)
        self._report(purpose, answer)
        if (left := until - asyncio.get_running_loop().time()) <= 0:
            raise TakesNothing(answer.sentence)
        seconds = min(self._backoff.wait(failures), left)
        if await self._woken(seconds, by_success=self._success if answer.is_lost else None):
            await self._woken(random.uniform(0, _CROWD), by_success=None)  # noqa: S311 - no secret

    async def _woken(self, seconds: float, *, by_success: asyncio.Event | None) -> bool:
        """Wait, at most until a stop or the given success. Returns whether there was a success."""
        events = [self._stop, by_success] if by_success else [self._stop]
        waiting = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        return by_success is not None and by_success.is_set()


def _diagnosis_in(error: Exception) -> Diagnosis:
    if isinstance(error, DatabaseUnusable):
        return error.answer
    return diagnosis_of(error.__cause__ or error if isinstance(error, Refused) else error)
