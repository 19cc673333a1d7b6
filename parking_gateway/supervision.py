"""How the process lives under others: what systemd is told, what signals do, how long it waits between two attempts."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import sdnotify
from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from parking_gateway.printable import printable, shortened
from parking_gateway.signals import leave

Result = TypeVar("Result")

_LONGEST_STATE: Final = 1000
"""Characters of what systemd is told. A line break would begin another message."""
_UNWINDING: Final = 0.5
"""Seconds for work that was given up to come to its end."""
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


# systemd


class Systemd:
    """What systemd is told. Without systemd nothing is said."""

    def __init__(self, notify: Callable[[str], None] | None, *, clock: Callable[[], float]) -> None:
        self._notify = notify
        self._clock = clock
        self._seconds_between_feeds = _watchdog_seconds() / 2
        self._fed_at = float("-inf")
        self._is_stopping = False
        self._is_ready = False

    def ready(self) -> None:
        """Broker and database are there. Said once: another connection is no news to systemd."""
        if not self._is_ready:
            self._is_ready = True
            self._say("READY=1")

    def stopping(self) -> None:
        """We were asked to stop, and finish what is in hand. Said once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._say("STOPPING=1")

    def status(self, line: str) -> None:
        """What `systemctl status` shows."""
        self._say(f"STATUS={line}")

    def alive(self) -> None:
        """Feed the watchdog. For every progress to call: it speaks only twice in systemd's interval."""
        now = self._clock()
        if self._seconds_between_feeds and now - self._fed_at >= self._seconds_between_feeds:
            self._fed_at = now
            self._say("WATCHDOG=1")

    def _say(self, state: str) -> None:
        if self._notify is not None:
            # systemd reads UTF-8; sdnotify writes Latin-1, which leaves these bytes as they are.
            self._notify(printable(shortened(state, _LONGEST_STATE)).encode().decode("latin-1"))


@contextmanager
def systemd(*, clock: Callable[[], float] = time.monotonic) -> Iterator[Systemd]:
    """The connection to systemd, where it started us (`NOTIFY_SOCKET`). `clock` gives seconds."""
    if not os.environ.get("NOTIFY_SOCKET"):
        yield Systemd(None, clock=clock)
        return
    notifier = sdnotify.SystemdNotifier()
    if notifier.socket is not None:
        # Whoever does not read what we say must not stop us; what does not fit is dropped.
        notifier.socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
    try:
        yield Systemd(notifier.notify, clock=clock)
    finally:
        if notifier.socket is not None:
            notifier.socket.close()


def _watchdog_seconds() -> float:
    """The interval in which systemd wants to hear of us; 0 when it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 1_000_000


# Signals


@contextmanager
def stopped_by_signals(stop: asyncio.Event, *, at_most: timedelta | None = None) -> Iterator[None]:
    """Within it, the first SIGTERM or SIGINT sets `stop`, and a second one ends the process at once.

    `at_most` after the first one the process ends in any case, with status 0. Only threads can still wait then, such as one
    for a name server, and they hold nothing of ours.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}

    def ask() -> None:
        stop.set()
        if at_most is not None:
            last_resort = threading.Timer(at_most.total_seconds(), os._exit, [0])
            last_resort.daemon = True
            last_resort.start()
        for number in _STOP_SIGNALS:
            signal.signal(number, leave)

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)


async def seen_through(work: Callable[[], Result]) -> Result:
    """Do the work in a thread. A caller that is cancelled meanwhile waits for its end all the same, to undo it."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        working.exception()  # else asyncio complains that nobody asked for it
        raise


# Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait after failures: a random time, so that many who failed together do not return together."""

    shortest: timedelta
    longest: timedelta

    def count(self, failures: int, *, lasted: timedelta) -> int:
        """Failures in a row after one more. What lasted longer than the longest wait had worked, and begins a new row."""
        return 1 if lasted > self.longest else failures + 1

    def wait(self, failures: int) -> float:
        """Seconds: from the shortest wait to a limit that doubles with every failure, up to the longest."""
        shortest = self.shortest.total_seconds()
        rule = wait_random_exponential(multiplier=2 * shortest, min=shortest, max=self.longest.total_seconds())
        state = RetryCallState(AsyncRetrying(), fn=None, args=(), kwargs={})
        state.attempt_number = failures
        return rule(state)


async def attempts(
    backoff: Backoff,
    *,
    stop: asyncio.Event,
    clock: Callable[[], float] = time.monotonic,
    has_worked: Callable[[], bool] = lambda: False,
) -> AsyncIterator[int]:
    """Yield, before each attempt, how many failed in a row: 0, 1, 2 … It waits before each but the first.

    For a retry loop: success leaves the loop, and so does `stop`. What an attempt raises is the loop's to catch. An
    attempt that `has_worked` before it ended begins a new row, however short it was.
    """
    failures = 0
    while not stop.is_set():
        began = clock()
        yield failures
        failures = backoff.count(0 if has_worked() else failures, lasted=timedelta(seconds=clock() - began))
        await pause(backoff.wait(failures), stop=stop)


async def pause(seconds: float, *, stop: asyncio.Event) -> None:
    """Wait for `seconds`, or until `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Within it the work goes on; at the end it is cancelled. What it raises is raised then, unless something else is."""
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
    """What the work returns; None when `stop` was set first, and the work was cancelled for it."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def finished(
    stop: asyncio.Event, work: Coroutine[Any, Any, None], *, seconds: float, give_up: Callable[[], None]
) -> bool:
    """Do the work; once `stop` is set, for so many seconds at most. Whether it came to its end.

    What takes longer is given up and cancelled. Raises what the work raises before that.
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
