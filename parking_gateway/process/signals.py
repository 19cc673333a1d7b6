"""Signals. One ends the program at any moment, without a traceback, and its child processes end with it.

This module imports only what is fast, because `__main__` imports it first.
"""

import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHELL_ADDS: Final = 128
"""A shell adds it to the number of the signal that ended a program, and shows the sum as the status."""
_STDERR: Final = 2
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def end_at_once() -> None:
    """From now on a signal ends the program at once, without a traceback. Ignored signals stay ignored."""
    for number in _ending():
        signal.signal(number, leave)


def hold_reload() -> None:
    """A SIGHUP that is not of a closed terminal waits from now on, until `stopped_by_signals` receives it."""
    if not _has_terminal():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    """End the program by this signal, so that its parent process sees the cause. A shell shows it as 130 for Ctrl-C."""
    _show_interruption(number)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # A signal to itself does not end the first process of a container.
    os._exit(_SHELL_ADDS + number)


def _show_interruption(number: int) -> None:
    """Print one line for Ctrl-C, behind the ^C of the terminal. Nobody reads a line for other signals."""
    if number == signal.SIGINT:
        with suppress(OSError):
            os.write(_STDERR, b"\nInterrupted.\n" if os.isatty(_STDERR) else b"Interrupted.\n")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run the work of a command in an event loop. A signal cancels the work, which then closes all that it opened.

    The program then ends with the status of a shell for this signal, 130 for Ctrl-C. A second signal ends it at once.
    In another thread than the main one Python receives no signals, so the work runs without them.
    """
    import asyncio  # noqa: PLC0415 - it takes 0.05 s, and `version` does not need it

    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in _ending()}

    async def cancellable() -> Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel(number: int) -> None:
            received.append(number)
            end_at_once()
            if task is not None:
                task.cancel()

        for number in _ending():
            loop.add_signal_handler(number, cancel, number)
        return await work

    try:
        return asyncio.run(cancellable())
    except BaseException:
        if received:  # the signal ended the work, whatever the work raised then
            _show_interruption(received[0])
            raise SystemExit(_SHELL_ADDS + received[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


@contextmanager
def stopped_by_signals(
    stop: "asyncio.Event", *, at_most: timedelta | None = None, reload: "asyncio.Event | None" = None
) -> Iterator[None]:
    """In this context the first SIGTERM or SIGINT sets `stop`, and a second one ends the process at once.

    With `reload`, SIGHUP sets it. A closed terminal sends SIGHUP too, and stops a program that was started in it.

    `at_most` after the first one the process ends in any case, with status 0. Only threads can still run then, such as one
    that waits for a name server, and they hold no data.
    """
    import asyncio  # noqa: PLC0415 - as above

    loop = asyncio.get_running_loop()
    handled = _STOP_SIGNALS if reload is None else (*_STOP_SIGNALS, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in handled}

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
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, ask if _has_terminal() else reload.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ending() -> list[signal.Signals]:
    return [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
