"""Notifications to systemd: ready, status, watchdog, stopping."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import sdnotify

from parking_gateway.core.printable import printable, shortened

_LONGEST_STATE: Final = 1000
"""Characters of a notification."""


class Systemd:
    """Notifies systemd. Without systemd it does nothing."""

    def __init__(self, notify: Callable[[str], None] | None, *, clock: Callable[[], float]) -> None:
        self._notify = notify
        self._clock = clock
        self._seconds_between_feeds = _watchdog_seconds() / 2
        self._fed_at = float("-inf")
        self._is_stopping = False
        self._is_ready = False

    def ready(self) -> None:
        """Broker and database are connected. Sent once, because systemd ignores the second."""
        if not self._is_ready:
            self._is_ready = True
            self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is read again. `reloaded` has to follow."""
        if self._is_ready:
            self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """The configuration was read, whatever the outcome."""
        if self._is_ready:
            self._send("READY=1")

    def stopping(self) -> None:
        """The gateway was asked to stop and finishes its last batch. Sent once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._send("STOPPING=1")

    def status(self, line: str) -> None:
        """The line that `systemctl status` shows."""
        self._send(f"STATUS={line}")

    def alive(self) -> None:
        """Feed the watchdog. It may be called at every progress: it sends only twice in the watchdog's interval."""
        now = self._clock()
        if self._seconds_between_feeds and now - self._fed_at >= self._seconds_between_feeds:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def _send(self, *states: str) -> None:
        if self._notify is not None:
            # A line break in a state would begin another one. systemd reads UTF-8, and sdnotify writes Latin-1, so each byte
            # of UTF-8 passes as one character.
            lines = [printable(shortened(state, _LONGEST_STATE)) for state in states]
            self._notify("\n".join(lines).encode().decode("latin-1"))


@contextmanager
def notifying(*, clock: Callable[[], float] = time.monotonic) -> Iterator[Systemd]:
    """The connection to systemd, where systemd started the gateway (`NOTIFY_SOCKET`). `clock` gives seconds."""
    if not os.environ.get("NOTIFY_SOCKET"):
        yield Systemd(None, clock=clock)
        return
    notifier = sdnotify.SystemdNotifier()
    if notifier.socket is not None:
        # A systemd that does not read must not block the gateway: a notification that does not fit is dropped.
        notifier.socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
    try:
        yield Systemd(notifier.notify, clock=clock)
    finally:
        if notifier.socket is not None:
            notifier.socket.close()


def _watchdog_seconds() -> float:
    """The interval of systemd's watchdog; 0: there is none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 1_000_000
