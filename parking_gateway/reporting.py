"""What happened, said once: the outcomes of the tasks as log lines, metrics, health, and the gateway's own messages."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from loguru import logger

from parking_gateway import __version__
from parking_gateway.broker.reasons import Refusal
from parking_gateway.publication import HealthMessage
from parking_gateway.recording import Outcome
from parking_gateway.store.due import Kind
from parking_gateway.telemetry import BatchReport, Health, Metrics, Totals

INTAKE: Final = "intake"
OUTBOX: Final = "outbox"
_KINDS: Final = frozenset({"spaces", "zones", "sites", "transitions", "devices", "gateways"})
"""The levels of our topics that say of what a message is."""
_REFUSALS_EVERY: Final = timedelta(minutes=1)
"""Between two warnings about refused publications of one kind: what is refused is tried again every few seconds."""


class Reporting:
    """The one place where values of the tasks become words and numbers."""

    def __init__(self, *, health: Health, metrics: Metrics, started: datetime) -> None:
        self.started = started
        self._health = health
        self._metrics = metrics
        self._lag_seconds = 0.0
        self._connections = 0
        self._in_hand = 0
        self._dropped = 0
        self._failing: dict[str, str] = {}
        """Why, by the purpose of the work that fails on the database."""
        self._problems: dict[str, str] = {}
        """What somebody has to put right about the broker, by what it is about."""
        self._refused: Counter[str] = Counter()
        """Refused publications that no warning has counted yet, by kind."""
        self._refusals_told: dict[str, datetime] = {}
        self._last: tuple[datetime, Totals] = (started, metrics.totals())

    def taken(self) -> None:
        """A batch was taken in hand: from now on its commit is waited for."""
        self._in_hand += 1
        self._health.progress(INTAKE)

    def settled(self) -> None:
        """A batch is committed and acknowledged."""
        self._in_hand -= 1
        self._health.progress(INTAKE)
        if not self._in_hand:
            self._health.ended(INTAKE)

    def recorded(self, outcome: Outcome) -> None:
        """A transaction is committed: a batch, or a part of it."""
        self._health.progress(INTAKE)
        lag = self._lag(outcome)
        rejected = Counter(letter.rejection.reason for letter in outcome.dead_letters)
        self._metrics.observe(
            BatchReport(
                received=outcome.kinds,
                rejected=rejected,
                recorded=len(outcome.recorded),
                duplicates=outcome.duplicates,
                transitions=Counter((step.before, step.after) for step in outcome.transitions),
                seconds=outcome.seconds,
                lag=lag,
            )
        )
        self._lag_seconds = self._lag_seconds if lag is None else lag
        if outcome.transitions:
            # One line for a batch: under load a line for each would cost more than what it tells of.
            logger.bind(steps=outcome.transitions).info("Transitions")
        for reason, letter in {letter.rejection.reason: letter for letter in outcome.dead_letters}.items():
            logger.bind(
                deduplication_id=letter.deduplication_id,
                topic=letter.topic,
                reason=reason,
                detail=letter.rejection.detail,
                left_out=rejected[reason] - 1,
            ).warning("Rejected a message")

    def published(self, kind: Kind, count: int, refusals: Sequence[Refusal]) -> None:
        """The outbox looked at one kind; so many publications of it are confirmed, and these were refused."""
        self.refused(refusals)
        if count:
            self._metrics.published.inc(count)
            logger.bind(kind=kind, count=count).debug("Published")
        self._health.progress(OUTBOX)

    def database_answers(self, purpose: str, failure: str | None) -> None:
        """Take note of one attempt of this purpose on the database. `failure` says why it failed; None: it succeeded."""
        if failure is None:
            self._failing.pop(purpose, None)
        else:
            self._failing[purpose] = failure
            self._health.retried()
        self._health.is_database_up = not self._failing

    def refused(self, refusals: Sequence[Refusal]) -> None:
        """The broker refused these publications: counted, and told once in a while for every kind of topic."""
        if not refusals:
            return
        self._metrics.refused.inc(len(refusals))
        now = datetime.now(UTC)
        for refusal in refusals:
            self._refused[_kind_of(refusal.topic)] += 1
        for kind, refusal in {_kind_of(refusal.topic): refusal for refusal in refusals}.items():
            if now - self._refusals_told.get(kind, self.started - _REFUSALS_EVERY) >= _REFUSALS_EVERY:
                self._refusals_told[kind] = now
                logger.bind(
                    kind=kind, topic=refusal.topic, error=refusal.reason, count=self._refused.pop(kind)
                ).warning("The broker refuses a publication; its ACL has to allow it")

    def session_lost(self) -> None:
        """The broker does not know our session any more."""
        self._metrics.sessions_lost.inc()
        logger.warning(
            "The broker has lost our session, and with it every event that waited there: look for a restart without"
            " persistence, or an absence longer than mqtt.session_expiry"
        )

    def complain(self, about: str, sentence: str | None) -> None:
        """Take note of what somebody has to put right. None: it is as it should be."""
        if sentence is None:
            self._problems.pop(about, None)
        elif self._problems.get(about) != sentence:
            self._problems[about] = sentence
            logger.warning(sentence)

    def connected(self, *, protocol: str, session_present: bool) -> None:
        """The broker is there and events are subscribed to."""
        if self._connections:
            self._metrics.reconnects.inc()
        self._connections += 1
        self._dropped = 0
        self._health.is_broker_up = True
        logger.bind(protocol=protocol, session_present=session_present).info("Connected to the broker")

    def disconnected(self) -> None:
        """The broker is gone: intake and outbox have nothing to do until it is back."""
        self._health.is_broker_up = False
        self._in_hand = 0
        self._health.ended(INTAKE)
        self._health.ended(OUTBOX)
        self._health.retried()

    def health_message(self, *, inbox: int, outbox: int, dropped: int) -> HealthMessage:
        """How we are doing, with rates since the last time that this was asked. `dropped` is of this connection."""
        self._metrics.outbox_backlog.set(outbox)
        self._metrics.dropped.inc(max(0, dropped - self._dropped))
        self._dropped = dropped
        now, totals = datetime.now(UTC), self._metrics.totals()
        then, before = self._last
        self._last = (now, totals)
        return HealthMessage(
            version=__version__,
            uptime_seconds=round((now - self.started).total_seconds()),
            uplinks=totals.recorded,
            uplinks_per_second=round((totals.recorded - before.recorded) / max((now - then).total_seconds(), 0.001), 1),
            duplicates=totals.duplicates,
            rejections=totals.rejected,
            transitions=totals.transitions,
            published=totals.published,
            inbox=inbox,
            outbox=outbox,
            lag_seconds=round(self._lag_seconds, 3),
            database="up" if self._health.is_database_up else "down",
            broker="up" if self._health.is_broker_up else "down",
            problems=list(self._problems.values()),
            updated=now,
        )

    def _lag(self, outcome: Outcome) -> float | None:
        if not outcome.recorded:
            return None
        oldest = min(uplink.time for uplink in outcome.recorded)
        return max((datetime.now(UTC) - oldest).total_seconds(), 0.0)


def _kind_of(topic: str) -> str:
    """The level of the topic that says of what the message is."""
    return next((level for level in topic.split("/") if level in _KINDS), topic)
