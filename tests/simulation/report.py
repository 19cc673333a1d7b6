"""Where the simulated gateway reports: what the oracle asks for is kept, and the rest wakes the outbox as it does for real."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from parking_gateway.core.committed import Committed
from parking_gateway.core.due import Due
from parking_gateway.core.events import Rejection
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.verdicts import Diagnosis
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.report import Report as RealReport


class Reported:
    """What all lives of the gateway have reported."""

    def __init__(self) -> None:
        self.sessions_lost = 0
        self.rejections: list[Rejection] = []
        self.duplicates = 0
        self.journal_full = 0


class Report:
    """The report of one life."""

    def __init__(self, reported: Reported, *, clock: WallClock) -> None:
        self.started = clock()
        self.health = Health(stalled_after=timedelta(days=1), seconds=asyncio.get_running_loop().time, clock=clock)
        self._clock = clock
        self._listening_since: datetime | None = None
        self.changed: Callable[[Collection[Any], Sequence[Due]], None] = lambda _spaces, _rows: None
        self.recounted: Callable[[], None] = lambda: None
        self.sent: Callable[[], None] = lambda: None
        self._reported = reported

    @property
    def listening_since(self) -> datetime | None:
        """By the real rule."""
        found: datetime | None = vars(RealReport)["listening_since"].fget(self)
        return found

    def has_backlog(self) -> bool:
        """The same."""
        return self.listening_since is None

    def connected(self, *, session_present: bool, oldest_event: Callable[[], float | None]) -> None:
        """The broker is there, and events are subscribed to."""
        if self._listening_since is None or not session_present:
            self._listening_since = self._clock()
        self.health.broker_connected(oldest_event)

    def committed(self, committed: Committed) -> None:
        """Wake the outbox, and keep what was rejected."""
        self._reported.rejections += [one.rejection for one in committed.rejected]
        self._reported.duplicates += committed.duplicates
        if committed.changed:
            self.changed(committed.changed, committed.rows)
        if committed.notices or committed.outgoing:
            self.sent()

    def session_lost(self) -> None:
        """The broker has lost our session."""
        self._reported.sessions_lost += 1

    def disconnected(self, error: str, **_details: Any) -> None:
        """A connection has ended."""
        self.health.broker_lost(error)

    def complain(self, about: str, sentence: str | None) -> None:
        """An administrator has something to do."""
        self._reported.journal_full += about == "journal" and sentence is not None and "is full" in sentence

    def published(self, kind: str, confirmed: int, refusals: Sequence[Any]) -> None:
        """The broker has taken publications."""

    def published_steps(self, published: Sequence[Any], refused: Sequence[Any]) -> None:
        """Of these rows."""

    def healed(self, *, published_again: int, cleared: int) -> None:
        """The retained tree was compared."""

    def database_answers(self, purpose: str, failure: Diagnosis | None) -> None:
        """An attempt has ended."""
