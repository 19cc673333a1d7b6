"""The report of every event of the tasks, made once: to the log, to metrics and health, and to the outbox."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from loguru import logger
from msgspec.structs import replace

from parking_gateway.broker.message import Message
from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.gateways import HealthMessage
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import Due
from parking_gateway.core.space import SpaceId
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.gateways import LastSigns
from parking_gateway.store.verdicts import Diagnosis
from parking_gateway.telemetry.absences import Absences
from parking_gateway.telemetry.commits import Commits
from parking_gateway.telemetry.failed_rounds import FailedRounds
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.health_messages import HealthMessages
from parking_gateway.telemetry.metrics import Metrics
from parking_gateway.telemetry.qos_0 import EventsAtQos0
from parking_gateway.telemetry.recurring import Recurring
from parking_gateway.telemetry.refusals import Refusals
from parking_gateway.telemetry.steps import Steps

if TYPE_CHECKING:  # OpenTelemetry is imported where traces are wanted
    from parking_gateway.telemetry.tracing import Tracing

INTAKE: Final = "intake"
OUTBOX: Final = "outbox"
_BACKLOG_SECONDS: Final = 5.0
"""A sensor is not silent while its uplinks can wait in a backlog. An event of this age shows a backlog."""

_SHORT_ABSENCE: Final = timedelta(minutes=15)
"""A restart, also of the machine. The broker keeps what comes meanwhile, unless its publisher uses QoS 0: so after a longer absence
a sensor may have been heard, and nobody knows."""


class Report:
    """Turns the values of the tasks into lines of the log and numbers. Nothing else does."""

    def __init__(self, *, health: Health, metrics: Metrics, root: str, clock: WallClock) -> None:
        """`root`: the first levels of all our topics."""
        self._clock = clock
        self.wake_outbox: Callable[[Collection[SpaceId], Sequence[Due]], None] = _nobody
        """Called with the spaces that have to be published, and their rows if they were read. The owner of the outbox sets it."""
        self.wake_counts: Callable[[], None] = lambda: None
        """Called when zones have other counts, and no space has changed."""
        self.wake_outgoing: Callable[[], None] = lambda: None
        """Called when messages were written that are published once. The owner of the outbox sets it."""
        self.wake_watchers: Callable[[], None] = lambda: None
        """Called after every commit. The board sets it."""
        self.tracing: Tracing | None = None
        """Makes traces of commits and publications. None: there are none."""
        started = clock()
        self.started = started
        self.health = health
        self._metrics = metrics
        self._recurring = Recurring(health)
        self._refusals = Refusals(root, health=health, metrics=metrics, recurring=self._recurring)
        self._commits = Commits(health=health, metrics=metrics, recurring=self._recurring, clock=clock)
        self._steps = Steps(clock)
        self._qos_0 = EventsAtQos0(health=health, metrics=metrics, recurring=self._recurring)
        self._uplinks_per_second = 0.0
        self._connections = 0
        self._in_hand = 0
        self._outbox = 0
        self._listening_since: datetime | None = None
        self._absences = Absences(health.seconds)
        self._failed_rounds = FailedRounds(health=health, metrics=metrics, absences=self._absences)
        self._messages = HealthMessages(health=health, metrics=metrics, started=started, clock=clock)
        self._shown = HealthMessages(health=health, metrics=metrics, started=started, clock=clock)

    def taken(self, batch: Sequence[Message]) -> None:
        """A batch was taken. From now on its commit is expected."""
        at_qos_0 = [message.qos for message in batch].count(0)
        self._metrics.count_taken(len(batch), at_qos_0=at_qos_0)
        if at_qos_0:
            self._qos_0.received()
        self._in_hand += 1
        self.health.progress(INTAKE)

    def settled(self) -> None:
        """A batch is committed and acknowledged."""
        self._in_hand -= 1
        self.health.progress(INTAKE)
        if not self._in_hand:
            self.health.ended(INTAKE)

    def committed(self, committed: Committed) -> None:
        """A transaction is committed, whatever its cause."""
        self._wake(committed)
        self._commits.report(committed)
        if self.tracing is not None:
            self.tracing.committed(committed)

    def _wake(self, committed: Committed) -> None:
        if committed.changed:
            self.wake_outbox(committed.changed, committed.rows)
        if committed.has_new_counts:
            self.wake_counts()
        if committed.notices or committed.outgoing:
            self.wake_outgoing()
        self.wake_watchers()

    def answered(self, verb: str, outcome: str, by: str) -> None:
        """A request was answered, or needed no answer."""
        self._metrics.count_request(verb, outcome)
        logger.bind(verb=verb, outcome=outcome, by=by).debug("Answered a request")

    def published(self, kind: str, count: int, refusals: Sequence[Refusal]) -> None:
        """The outbox has published `count` messages of one kind, and the broker refused these publications."""
        self.refused(refusals)
        if count:
            self._metrics.published.inc(count)
            logger.bind(kind=kind, count=count).debug("Published")
        self.health.progress(OUTBOX)

    def published_steps(self, rows: Sequence[Due], refused: Sequence[Due]) -> None:
        """The outbox has published these rows, with the steps of their spaces, and the broker refused the others."""
        self._steps.published(rows)
        if self.tracing is not None:
            self.tracing.published(rows, refused)

    def database_answers(self, purpose: str, failure: Diagnosis | None) -> None:
        """Record one attempt of this purpose on the database. `failure`: the reason if it failed."""
        self.health.database_answered(purpose, failure.sentence if failure else None)
        if failure is not None:
            if self.tracing is not None:
                self.tracing.failed(failure.message)
            self._absences.database(purpose, failure)
        elif self.health.is_database_up:
            self._absences.ended("database", "The database answers again")

    def round_failed(self, name: str, failure: Diagnosis | None) -> None:
        """Record one attempt at a round of the clock. `failure`: the reason if it failed."""
        self._failed_rounds.attempted(name, failure)

    def exported(self, failure: str | None) -> None:
        """Record one attempt to export traces. `failure`: the reason if it failed, and then these traces are dropped."""
        if failure is not None:
            self._absences.noticed("tracing", "Traces cannot be exported, and are dropped", error=failure)
        else:
            self._absences.ended("tracing", "Traces are exported again")

    @property
    def listening_since(self) -> datetime | None:
        """Since when every event has reached the gateway. None: events can be missing, or wait in a backlog, here or at the broker."""
        health = self.health
        is_recorded = (
            health.oldest_event_age() < _BACKLOG_SECONDS and not health.journal().rows and health.seconds_behind() <= 0
        )
        return self._listening_since if health.is_broker_up and is_recorded else None

    def has_backlog(self) -> bool:
        """Whether events can be missing, or wait in a backlog."""
        return self.listening_since is None

    def alerted(self, medium: str, *, delivered: int = 0, failed: int = 0, given_up: int = 0) -> None:
        """Alerts of a medium were delivered, attempts have failed, and alerts were given up."""
        self._metrics.count_alerts(medium, delivered=delivered, failed=failed, given_up=given_up)
        if given_up:
            logger.bind(medium=medium, count=given_up).warning(
                "Alerts were given up: the recipient did not take them within alerts.give_up_after"
            )

    def refused(self, refusals: Sequence[Refusal]) -> None:
        """Count refused publications, and warn once in a while for every kind of topic."""
        self._refusals.took(refusals)

    def session_lost(self) -> None:
        """The broker does not know our session any more."""
        self._metrics.sessions_lost.inc()
        logger.warning(
            "The broker has lost our session, and with it every event that waited there: look for a restart without"
            " persistence, or an absence longer than mqtt.session_expiry"
        )

    def complain(self, about: str, sentence: str | None) -> None:
        """Record a fault that an administrator has to correct. None: it is corrected."""
        if sentence is not None:
            self.health.problems[about] = sentence
            self._absences.noticed(about, sentence, kind=sentence)
        elif (former := self.health.problems.pop(about, None)) is not None:
            self._absences.ended(about, "A problem is over", about=about, problem=former)

    def dropped(self) -> None:
        """A message of QoS 0 was dropped, because there was no space for it."""
        self._qos_0.dropped()

    def counted(self, outbox: int) -> None:
        """So many publications are due."""
        self._outbox = outbox
        self._metrics.outbox_backlog.set(outbox)

    def look_back(self, signs: LastSigns) -> None:
        """What is known of the process before this one. Without it, a gateway that starts every day would call no sensor silent."""
        seen, since, began = signs.watched_at, signs.listening_since, signs.session_began_at
        is_short = seen is not None and abs(self._clock() - seen) < _SHORT_ABSENCE
        if self._listening_since is None and is_short and since is not None and began is not None:
            self._listening_since = max(since, began)

    def connected(
        self,
        *,
        protocol: str,
        session_present: bool,
        oldest_event: Callable[[], float | None] = lambda: None,
        seconds_behind: Callable[[], float] = lambda: 0.0,
        address: str = "",
        has_others: bool = False,
    ) -> None:
        """The broker is there and events are subscribed to. `oldest_event` and `seconds_behind` are as `Health` has them.

        `address` is the connected one, and `has_others`: `mqtt.url` has several.
        """
        if self._connections:
            self._metrics.reconnects.inc()
        if self._listening_since is None or not session_present:
            # Without our session, the broker kept no events for us.
            self._listening_since = self._clock()
        self._connections += 1
        self.health.broker_connected(oldest_event, address, seconds_behind)
        self._absences.ended(
            "broker",
            "Connected to the broker",
            is_first=True,
            protocol=protocol,
            session_present=session_present,
            **({"address": address} if has_others else {}),
        )

    def disconnected(
        self, error: str, *, attempt: int = 0, needs_a_person: bool = False, address: str | None = None
    ) -> None:
        """The broker is gone. Intake and outbox have no work until it is back. `address`: that of several which failed."""
        self._qos_0.log_drops()
        self._in_hand = 0
        self.health.ended(INTAKE)
        self.health.ended(OUTBOX)
        self.health.broker_lost(error)
        kind = f"{address or ''} {error}" if needs_a_person else ""
        where = {"address": address} if address else {}
        self._absences.noticed(
            "broker", "No connection to the broker", kind=kind, attempt=attempt, error=error, **where
        )

    def expire(self) -> None:
        """End the problems that have not recurred. Called every second, whatever is absent."""
        self._qos_0.log_drops()
        self._qos_0.expire()
        self._recurring.expire()
        self._steps.expire()

    def healed(self, *, published_again: int, cleared: int) -> None:
        """Retained messages differed from the database: so many rows are published again, so many topics are cleared."""
        self._metrics.retained_again.inc(published_again)
        self._metrics.retained_cleared.inc(cleared)

    def health_message(self, *, inbox: int) -> HealthMessage:
        """The health of the gateway, with rates since the last call."""
        self.expire()
        message = self._messages.message(inbox=inbox, outbox=self._outbox, lag_seconds=self._commits.lag_seconds)
        self._uplinks_per_second = message.uplinks_per_second
        return message

    def shown_health(self) -> HealthMessage:
        """The same for the board, which asks at any time: with the rate of the last published one."""
        message = self._shown.message(inbox=0, outbox=self._outbox, lag_seconds=self._commits.lag_seconds)
        rate = self._uplinks_per_second if self.health.is_broker_up else 0.0
        return replace(message, uplinks_per_second=rate)


def _nobody(_spaces: Collection[SpaceId], _rows: Sequence[Due]) -> None:
    return None
