"""Waits: between two attempts, and for the work of another task. Each ends early when the gateway stops."""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

_UNWINDING: Final = 0.5
"""Seconds for abandoned work to end."""
_LOOK_SECONDS: Final = 1.0
"""Between two looks whether there still is a backlog."""
_MOST_DOUBLINGS: Final = 64
"""More would be beyond every longest wait, and in the end beyond the largest float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The wait after failures. It is random, so that gateways that failed together do not return together."""

    shortest: timedelta
    longest: timedelta

    def count(self, failures: int, *, lasted: timedelta) -> int:
        """Failures in a row after one more. An attempt that lasted longer than the longest wait had worked and begins a new row."""
        return 1 if lasted > self.longest else failures + 1

    def wait(self, failures: int) -> float:
        """Seconds: from the shortest wait to a limit that doubles with every failure, up to the longest."""
        shortest, longest = self.shortest.total_seconds(), self.longest.total_seconds()
        doubled = shortest * 2.0 ** min(failures, _MOST_DOUBLINGS)
        return random.uniform(shortest, min(doubled, longest))  # noqa: S311 - it spreads waits, and hides nothing


async def attempts(
    backoff: Backoff,
    *,
    stop: asyncio.Event,
    clock: Callable[[], float] = time.monotonic,
    has_worked: Callable[[], bool] = lambda: False,
    is_round_over: Callable[[], bool] = lambda: True,
) -> AsyncIterator[int]:
    """Yield the number of failures in a row before each attempt: 0, 1, 2 … It waits before each but the first.

    An attempt after which the round is not over is no failure yet, and the next one follows at once.

    The loop's body makes the attempt and catches its errors. Success leaves the loop, and so does `stop`. An attempt that
    `has_worked` before it ended begins a new row, however short it was.
    """
    failures = 0
    while not stop.is_set():
        began = clock()
        yield failures
        counted = backoff.count(0 if has_worked() else failures, lasted=timedelta(seconds=clock() - began))
        if is_round_over():
            failures = counted
            await pause(backoff.wait(failures), stop=stop)
        else:
            failures = counted - 1


async def pause(seconds: float, *, stop: asyncio.Event) -> None:
    """Wait for `seconds`, or until `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def until_calm(
    has_backlog: Callable[[], bool], *, within: float = math.inf, stop: asyncio.Event | None = None
) -> None:
    """Wait while the gateway works off a backlog, because uplinks come first: for so many seconds at most, or until `stop` is set."""
    time = asyncio.get_running_loop().time
    latest, stop = time() + within, stop or asyncio.Event()
    while has_backlog() and not stop.is_set() and (rest := latest - time()) > 0:
        await pause(min(rest, _LOOK_SECONDS), stop=stop)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do the work during this context, and cancel it at the end. Its error is raised then, unless the context raises one."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
    if error is not None:
        raise error


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result of the work; None where `stop` was set first and the work was cancelled."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def one_of(work: asyncio.Task[None], stop: asyncio.Event, *, within: timedelta | None) -> None:
    """Wait for the end of the work or for `stop`, at most for this time. Raises the error of the work."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        limit = within.total_seconds() if within else None
        await asyncio.wait({work, stopping}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if work.done():
        work.result()


async def finished(
    stop: asyncio.Event, work: Coroutine[Any, Any, None], *, seconds: float, give_up: Callable[[], None]
) -> bool:
    """Do the work, and return whether it ended. Once `stop` is set, it has so many seconds left.

    Then `give_up` is called, and the work is cancelled. Raises the error of the work, if it ended before.
    """
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=seconds)
        if working.done():
            working.result()
            return True
        give_up()
        await asyncio.wait({working}, timeout=_UNWINDING)
        working.cancel()
        await asyncio.wait({working}, timeout=_UNWINDING)
        return False
    finally:
        for task in (working, stopping):
            task.cancel()


async def seen_through(work: Callable[[], Result]) -> Result:
    """Do the work in a thread. A caller that is cancelled still waits for its end, so that it can undo the work."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        working.exception()  # asyncio warns of an exception that nothing retrieved
        raise
