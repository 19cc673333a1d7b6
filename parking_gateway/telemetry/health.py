"""Whether the gateway is well: which of its neighbours are there, and which of its tasks make progress.

The one source: /metrics, /healthz, /readyz, the retained health message, systemd's status line and `doctor` all say what
stands here, so they cannot disagree.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_START: Final = "start"
_BROKER, _DATABASE, _INTAKE = "broker", "database", "intake"


class Health:
    """What the tasks know of broker, database and themselves. The tasks write it, in the event loop; others only read.

    Readers may be in any thread, and so copy what may grow meanwhile.

    A task that works has to report progress within `stalled_after`: a stuck task must not hide behind a lively one. Until
    the first report of any task, the start itself has to come to its end in that time.
    """

    def __init__(
        self,
        *,
        stalled_after: timedelta,
        overdue_after: timedelta = timedelta(seconds=30),
        alive: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`alive` is called at every progress while no task is stalled: the watchdog's. `clock` gives seconds."""
        self.is_broker_up = False
        self.is_database_up = False
        self.database_since: datetime | None = None
        """When the database came to be as it is: up or down."""
        self.oldest_event: Callable[[], float | None] = lambda: None
        """When the oldest event that is not acknowledged came to us, in seconds of `clock`; None: there is none."""
        self.problems: dict[str, str] = {}
        """What somebody has to put right although all works, a sentence each, by what it is about."""
        self._broker_error: str | None = None
        self._failing: dict[str, str] = {}
        """Why, by the purpose of the work that fails on the database."""
        self._limit = stalled_after.total_seconds()
        self._overdue_after = overdue_after.total_seconds()
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

    def database_answered(self, purpose: str, failure: str | None) -> None:
        """Take note of one attempt of this purpose. The database is up while none of them fails."""
        if failure is None:
            self._failing.pop(purpose, None)
        else:
            self._failing[purpose] = failure
            self.retried()
        is_up = not self._failing
        if is_up != self.is_database_up or self.database_since is None:
            self.database_since = datetime.now(UTC)
        self.is_database_up = is_up

    def broker_connected(self, oldest_event: Callable[[], float | None]) -> None:
        """Take note that the broker is there, and events are subscribed to."""
        self.is_broker_up, self._broker_error = True, None
        self.oldest_event = oldest_event

    def broker_lost(self, error: str | None) -> None:
        """Take note that the broker was tried in vain, or is gone: what was not acknowledged is with it."""
        self.is_broker_up, self._broker_error = False, error
        self.oldest_event = lambda: None
        self.retried()

    def stalled(self) -> list[str]:
        """The tasks that have made no progress for too long."""
        oldest = self._clock() - self._limit
        return sorted(task for task, at in list(self._progress.items()) if at < oldest)

    def oldest_event_age(self) -> float:
        """Seconds for which the oldest event that is not acknowledged has been here; 0: there is none."""
        came = self.oldest_event()
        return 0.0 if came is None else max(0.0, self._clock() - came)

    def missing(self) -> list[str]:
        """What keeps the gateway from its work: neighbours that are not there, or an intake that does not get on."""
        there = {
            _BROKER: self.is_broker_up,
            _DATABASE: self.is_database_up,
            _INTAKE: self.oldest_event_age() <= self._overdue_after,
        }
        return [name for name, is_there in there.items() if not is_there]

    def why(self) -> list[str]:
        """A sentence for each that is missing, as far as the reason is known."""
        missing = self.missing()
        found = []
        if _BROKER in missing and self._broker_error:
            found.append(f"broker: {self._broker_error}")
        if _DATABASE in missing and self._failing:
            reasons = "; ".join(f"{purpose}: {failure}" for purpose, failure in list(self._failing.items()))
            found.append(f"database: {reasons}")
        if _INTAKE in missing:
            found.append(f"intake: an event has waited for {self.oldest_event_age():.0f} s to be recorded")
        return found

    def state(self) -> object:
        """What is worth saying at once when it changes."""
        return self.missing(), self.is_database_up, list(self.problems.values())

    def status_line(self) -> str:
        """All of it in one line, for whoever asks systemd."""
        missing = self.missing()
        if not missing:
            return "; ".join(["Ready", *self.problems.values()])
        return f"Not ready, {' and '.join(missing)} missing" + "".join(f"; {reason}" for reason in self.why())
