"""What systemd is told: that the gateway is ready, how it is, that it lives, that it stops."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import sdnotify

from parking_gateway.core.printable import printable, shortened

_LONGEST_STATE: Final = 1000
"""Characters of what systemd is told. A line break would begin another message."""


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
            self._send("READY=1")

    def stopping(self) -> None:
        """We were asked to stop, and finish what is in hand. Said once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._send("STOPPING=1")

    def status(self, line: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={line}")

    def alive(self) -> None:
        """Feed the watchdog. For every progress to call: it speaks only twice in systemd's interval."""
        now = self._clock()
        if self._seconds_between_feeds and now - self._fed_at >= self._seconds_between_feeds:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
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
