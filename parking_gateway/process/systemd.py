"""Notifications to systemd: ready, status, watchdog, stopping."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from parking_gateway.core.printable import printable, shortened

_LONGEST_STATE: Final = 1000
"""Characters of a notification."""


def is_journal(descriptor: int) -> bool:
    """Whether this is the socket of systemd's journal, which JOURNAL_STREAM names by device and inode."""
    if not (named := os.environ.get("JOURNAL_STREAM")):
        return False
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


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
            # A line break in a state would begin another one.
            self._notify("\n".join(printable(shortened(state, _LONGEST_STATE)) for state in states))


@contextmanager
def notifying(*, clock: Callable[[], float] = time.monotonic) -> Iterator[Systemd]:
    """The connection to systemd, where systemd started the gateway (`NOTIFY_SOCKET`). `clock` gives seconds."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        yield Systemd(None, clock=clock)
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notifications:

        def notify(state: str) -> None:
            # A systemd that is gone, or that does not read, must not stop the gateway: the notification is dropped.
            with suppress(OSError):
                notifications.sendto(state.encode(), _address(path))

        yield Systemd(notify, clock=clock)


def _address(path: str) -> str:
    """The address of the socket. In sd_notify(3), "@" stands for the zero byte of Linux's abstract names."""
    return f"\0{path[1:]}" if path.startswith("@") else path


def _watchdog_seconds() -> float:
    """The interval of systemd's watchdog; 0: there is none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 1_000_000
