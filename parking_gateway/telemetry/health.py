"""The health of the gateway: whether broker and database are connected, and which tasks make progress.

It is the one source of /metrics, /healthz, /readyz, the retained health message, systemd's status line and `doctor`, so
they cannot disagree.
"""

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from parking_gateway.core.wording import counted
from parking_gateway.process.wall_clock import WallClock, utc
from parking_gateway.store.journal_file import Depth

_START: Final = "start"
_BROKER, _DATABASE, _INTAKE = "broker", "database", "intake"


class Health:
    """The state of broker, database and tasks. The tasks write it in the event loop, and any thread may read it.

    A reader copies what may grow meanwhile.

    Each working task has to report progress within `stalled_after`, so that a lively task cannot hide a stuck one. Until the
    first report of any task, the start has to end in that time.
    """

    def __init__(
        self,
        *,
        stalled_after: timedelta,
        overdue_after: timedelta = timedelta(seconds=30),
        alive: Callable[[], None] = lambda: None,
        seconds: Callable[[], float] = time.monotonic,
        clock: WallClock = utc,
    ) -> None:
        """`alive` feeds the watchdog: it is called at every progress while no task is stalled. `seconds` never goes back."""
        self.is_broker_up = False
        self.is_database_up = False
        self.broker_address: str | None = None
        """The host and port that are connected; None: none is."""
        self.database_since: datetime | None = None
        """When the database came up or went down; None: it was not tried yet."""
        self.oldest_event: Callable[[], float | None] = lambda: None
        """When the oldest unacknowledged event was received, in seconds of `seconds`; None: there is none."""
        self.seconds_behind: Callable[[], float] = lambda: 0.0
        """For how long the gateway counts as working off what the broker has kept for it. At most 0: it does not."""
        self.problems: dict[str, str] = {}
        """Faults that an administrator has to correct although the gateway works: a sentence by its subject."""
        self.journal: Callable[[], Depth] = Depth
        """The content of the journal. For any thread."""
        self.journal_limit = 0
        """The bytes that the journal may take. 0: there is no journal."""
        self.disk_free: Callable[[], float] = lambda: math.nan
        """Free bytes on the disk of the journal. For any thread."""
        self._broker_error: str | None = None
        self._failing: dict[str, str] = {}
        """The reason, by the purpose of the work that fails on the database."""
        self._limit = stalled_after.total_seconds()
        self.overdue_after = overdue_after.total_seconds()
        """Seconds after which an unacknowledged event is overdue."""
        self._alive = alive
        self._clock = clock
        self.seconds = seconds
        """The time by a clock that never goes back."""
        self._progress = {_START: seconds()}

    def progress(self, task: str) -> None:
        """The task did its work, or found nothing to do."""
        if task != _START:
            self._progress.pop(_START, None)
        self._progress[task] = self.seconds()
        if not self.stalled():
            self._alive()

    def ended(self, task: str) -> None:
        """The task is over or waits for work. No progress is expected until its next one."""
        self._progress.pop(task, None)

    def retried(self) -> None:
        """The absent broker or database was tried again. A task that waits for it is not stuck, so no restart is needed."""
        self._progress = dict.fromkeys(self._progress, self.seconds())
        self._alive()

    def database_answered(self, purpose: str, failure: str | None) -> None:
        """Record the outcome of one attempt of this purpose. The database is up while no purpose fails."""
        if failure is None:
            self._failing.pop(purpose, None)
        else:
            self._failing[purpose] = failure
            self.retried()
        is_up = not self._failing
        if is_up != self.is_database_up or self.database_since is None:
            self.database_since = self._clock()
        self.is_database_up = is_up

    def broker_connected(
        self,
        oldest_event: Callable[[], float | None],
        address: str = "",
        seconds_behind: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """The broker is connected at this address, and the events are subscribed to."""
        self.is_broker_up, self._broker_error = True, None
        self.broker_address = address or None
        self.oldest_event = oldest_event
        self.seconds_behind = seconds_behind

    def broker_lost(self, error: str | None) -> None:
        """The broker could not be connected, or its connection was lost. It keeps the unacknowledged events."""
        self.is_broker_up, self._broker_error = False, error
        self.broker_address = None
        self.oldest_event = lambda: None
        self.seconds_behind = lambda: 0.0
        self.retried()

    def stalled(self) -> list[str]:
        """The tasks without progress for `stalled_after`."""
        oldest = self.seconds() - self._limit
        return sorted(task for task, at in list(self._progress.items()) if at < oldest)

    def journal_disk_free(self) -> float:
        """Free bytes on the disk of the journal; not a number: unknown."""
        return self.disk_free()

    def oldest_event_age(self) -> float:
        """Age of the oldest unacknowledged event in seconds; 0: there is none."""
        came = self.oldest_event()
        return 0.0 if came is None else max(0.0, self.seconds() - came)

    def journal_age(self) -> float:
        """Age of the oldest message in the journal in seconds; 0: there is none."""
        oldest = self.journal().oldest
        return 0.0 if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())

    def missing(self) -> list[str]:
        """What keeps the gateway from its work: an absent broker or database, or an intake that is overdue."""
        there = {
            _BROKER: self.is_broker_up,
            _DATABASE: self.is_database_up,
            _INTAKE: self.oldest_event_age() <= self.overdue_after,
        }
        return [name for name, is_there in there.items() if not is_there]

    def why(self) -> list[str]:
        """A sentence for each missing one whose reason is known."""
        missing = self.missing()
        found = []
        if _BROKER in missing and self._broker_error:
            found.append(f"broker: {self._broker_error}")
        if _DATABASE in missing and self._failing:
            reasons = "; ".join(f"{purpose}: {failure}" for purpose, failure in list(self._failing.items()))
            found.append(f"database: {reasons}")
            if rows := self.journal().rows:
                found.append(f"journal: {counted(rows, 'event')} kept until the database is back; nothing is lost")
        if _INTAKE in missing:
            found.append(f"intake: an event has waited for {self.oldest_event_age():.0f} s to be recorded")
        return found

    def state(self) -> object:
        """A value whose change is published at once."""
        return self.missing(), self.is_database_up, self.journal().rows > 0, list(self.problems.values())

    def status_line(self) -> str:
        """The health in one line, for `systemctl status`."""
        missing = self.missing()
        if not missing:
            return "; ".join(["Ready", *self.problems.values()])
        return f"Not ready, {' and '.join(missing)} missing" + "".join(f"; {reason}" for reason in self.why())
