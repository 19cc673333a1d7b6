"""Whether the gateway is well: which of its neighbours are there, and which of its tasks make progress."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

_START: Final = "start"


class Health:
    """What the tasks know of broker, database and themselves. The tasks write it; /healthz, /readyz and systemd read it.

    A task that works has to report progress within `stalled_after`: a stuck task must not hide behind a lively one. Until
    the first report of any task, the start itself has to come to its end in that time.
    """

    def __init__(
        self,
        *,
        stalled_after: timedelta,
        alive: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`alive` is called at every progress while no task is stalled: the watchdog's. `clock` gives seconds."""
        self.is_broker_up = False
        self.is_database_up = False
        self._limit = stalled_after.total_seconds()
        self._alive = alive
        self._clock = clock
        self._progress = {_START: clock()}

    def progress(self, task: str) -> None:
        """The task did something, or looked and found nothing to do."""
        if task != _START:
            self._progress.pop(_START, None)
        self._progress[task] = self._clock()
        if not self.stalled():
            self._alive()

    def ended(self, task: str) -> None:
        """Nothing is expected of the task until its next progress: it is over, or waits for work."""
        self._progress.pop(task, None)

    def retried(self) -> None:
        """A neighbour that is away was tried again. Who waits for it is not stuck, and restarting us would not help."""
        self._progress = dict.fromkeys(self._progress, self._clock())
        self._alive()

    def stalled(self) -> list[str]:
        """The tasks that have made no progress for too long."""
        oldest = self._clock() - self._limit
        return sorted(task for task, at in self._progress.items() if at < oldest)

    def missing(self) -> list[str]:
        """The neighbours that are not there."""
        there = {"broker": self.is_broker_up, "database": self.is_database_up}
        return [name for name, is_up in there.items() if not is_up]
