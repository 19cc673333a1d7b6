"""A thread writes the lines of log, so that a full pipe blocks only this thread.

Unread lines are kept up to a limit; beyond it they are dropped and counted. Without the thread, a full pipe would block
the event loop: no uplink, no answer to the broker and no end after SIGTERM, while /healthz is green.
"""

import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Condition, Thread
from typing import Final

from parking_gateway.telemetry.repetitions import SECONDS, Line, Repetitions

_MOST_LINES: Final = 10_000
_MOST_BYTES: Final = 4_000_000
_AT_ONCE: Final = 65_536
"""Bytes of one write, the size of a pipe on Linux."""
_PAUSE: Final = 0.05
"""Seconds for which lines are collected before a write. With 150 batches a second, waking the thread for each line would
take 10 % of the gateway's CPU."""
_FAREWELL: Final = 1.0
"""Seconds for the last lines at the end of the process."""
_WITHHELD_LEVELS: Final = ("WARNING", "ERROR", "CRITICAL")
"""Levels whose repetitions are withheld. Each line at INFO is about another space."""


class LogWriter:
    """Takes lines from any thread and never waits. `render` turns a line into bytes; `notice` makes the line about drops."""

    def __init__(self, descriptor: int, *, render: Callable[[Line], bytes], notice: Callable[[int], Line]) -> None:
        self.dropped = 0
        """Lines that were not written, because the pipe was full or closed."""
        self._descriptor = descriptor
        self._render = render
        self._notice = notice
        self._repetitions = Repetitions()
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._unreported = 0
        """Dropped lines that no line has reported yet."""
        self._is_read = True
        """Whether the last write succeeded. Until then no line about drops is made, because it would be dropped too."""
        self._is_ending = False
        self._is_asleep = False
        """Whether the next line has to wake the thread."""
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: Line) -> None:
        """Write the line within `_PAUSE`, or count it as dropped."""
        with self._changed:
            shown = self._repetitions.admit(line, now=time.monotonic()) if line.level in _WITHHELD_LEVELS else line
            if shown is not None:
                self._append(self._render(shown))
            if self._is_asleep:
                self._is_asleep = False
                self._changed.notify()

    def stop(self) -> None:
        """Write the remaining lines and end. Lines that are not read within a second are lost."""
        with self._changed:
            self._show(self._repetitions.rest())
            self._is_ending = True
            self._changed.notify()
        self._thread.join(_FAREWELL)

    def _append(self, data: bytes) -> None:
        if self._lines and (len(self._lines) >= _MOST_LINES or self._bytes + len(data) > _MOST_BYTES):
            self._drop(1)
        else:
            self._lines.append(data)
            self._bytes += len(data)

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._unreported += lines

    def _show(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._append(self._render(line))

    def _run(self) -> None:
        while chunk := self._next_chunk():
            self._is_read = self._write(b"".join(chunk))
            if not self._is_read:
                with self._changed:
                    self._drop(len(chunk))

    def _next_chunk(self) -> list[bytes]:
        """The next lines to write together; none at the end."""
        with self._changed:
            has_paused = False
            while True:
                self._show(self._repetitions.due(now=time.monotonic()))
                if self._unreported and self._flows():
                    self._show([self._notice(self._unreported)])
                    self._unreported = 0
                if self._is_ending or (self._lines and (has_paused or self._bytes >= _AT_ONCE)):
                    return self._take()
                has_paused = bool(self._lines)
                self._is_asleep = not has_paused
                longest = None if self._repetitions.is_empty else SECONDS / 4
                self._changed.wait(_PAUSE if has_paused else longest)

    def _flows(self) -> bool:
        return self._is_read and self._bytes < _MOST_BYTES / 2 and len(self._lines) < _MOST_LINES / 2

    def _take(self) -> list[bytes]:
        taken: list[bytes] = []
        size = 0
        while self._lines and (not taken or size + len(self._lines[0]) <= _AT_ONCE):
            taken.append(self._lines.popleft())
            size += len(taken[-1])
        self._bytes -= size
        return taken

    def _write(self, data: bytes) -> bool:
        """Whether the bytes were written. A closed pipe or a full disk costs only these lines."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # the parent process made the pipe non-blocking
                select.select([], [self._descriptor], [])
            except OSError:
                return False
        return True
