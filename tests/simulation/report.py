"""Where the simulated gateway reports: what the oracle asks for is kept, and the rest wakes the outbox as it does for real."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from parking_gateway.core.committed import Committed
from parking_gateway.core.due import Due
from parking_gateway.core.events import Rejection
from parking_gateway.store.verdicts import Diagnosis


class Reported:
    """What all lives of the gateway have reported."""

    def __init__(self) -> None:
        self.sessions_lost = 0
        self.rejections: list[Rejection] = []
        self.duplicates = 0
        self.journal_full = 0


class Report:
    """The report of one life."""

    def __init__(self, reported: Reported, *, started: datetime) -> None:
        self.started = started
        self.listening_since: datetime | None = None
        self.changed: Callable[[Collection[Any], Sequence[Due]], None] = lambda _spaces, _rows: None
        self.recounted: Callable[[], None] = lambda: None
        self.sent: Callable[[], None] = lambda: None
        self._reported = reported

    def committed(self, committed: Committed) -> None:
        """Wake the outbox, and keep what was rejected."""
        self._reported.rejections += [one.rejection for one in committed.rejected]
        self._reported.duplicates += committed.duplicates
        if committed.changed:
            self.changed(committed.changed, committed.rows)
        if committed.outgoing:
            self.sent()

    def session_lost(self) -> None:
        """The broker has lost our session."""
        self._reported.sessions_lost += 1

    def disconnected(self, error: str, *, attempt: int, needs_a_person: bool, address: str | None = None) -> None:
        """A connection has ended."""

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
