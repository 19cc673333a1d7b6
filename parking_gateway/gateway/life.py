"""One process of the gateway: its tasks, with a broker connection and without.

A broker connection is a scope. Intake, outbox and the health report work while it lasts. They end with it, and the next
connection starts them again. They need no memory: the broker's session holds all messages that were not acknowledged, and the
database all rows that were not published.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
from loguru import logger

from parking_gateway.broker.link import Link, connected
from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.core.committed import Committed
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.gateway import pulse, servers
from parking_gateway.gateway.clockwork import Clockwork
from parking_gateway.gateway.connections import Connections
from parking_gateway.gateway.opening import intake_of
from parking_gateway.gateway.preparation import Preparation, prepare_database
from parking_gateway.gateway.presence import Presence
from parking_gateway.gateway.recovery import Recovery
from parking_gateway.gateway.stopping import finish, unless_stopped
from parking_gateway.gateway.way_out import WayOut
from parking_gateway.intake.drain import Drain
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.subscription import Subscription
from parking_gateway.outbox.alerts.delivery import Alerts
from parking_gateway.outbox.alerts.recipient import Recipient
from parking_gateway.outbox.alerts.recipients import recipients_of
from parking_gateway.process import waits
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.requests.received import Requests
from parking_gateway.store import gateways
from parking_gateway.store.gateways import LastSigns
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from parking_gateway.telemetry.report import Report


class Life:
    """One process, from its first connection to the database to its "offline" on the broker."""

    def __init__(  # noqa: PLR0913 - the composition root hands over what it has opened
        self,
        config: Config,
        *,
        pool: Pool,
        journal: Journal | None,
        decoder: Decoder,
        report: Report,
        on_ready: Callable[[], None],
        stop: asyncio.Event,
        clock: WallClock,
    ) -> None:
        self._config = config
        self._pool = pool
        self._journal = journal
        self._keeps = journal if config.journal.max_bytes else None
        """The journal, if messages may go into it. Else those of an earlier configuration only come out of it."""
        self._decoder = decoder
        self._report = report
        self._on_ready = on_ready
        self._clock = clock
        self._stop = stop
        root, instance = config.publication.root, config.gateway.instance
        self._patience = Patience(
            pool,
            backoff=Backoff(shortest=config.database.reconnect_wait_min, longest=config.database.reconnect_wait_max),
            stop=stop,
            report=report.database_answers,
        )
        self._connections = Connections(config=config.mqtt, suspicion=Suspicion(root), report=report, stop=stop)
        self._presence = Presence(root=root, instance=instance, report=report)
        self._subscription = Subscription(
            config,
            database=pool,
            patience=self._patience,
            complain=report.complain,
            others=config.other_subscriptions,
            journal=journal,
        )
        self._requests = Requests(
            config,
            database=pool,
            patience=self._patience,
            decoder=decoder,
            clock=clock,
            is_away=lambda: not report.health.is_database_up,
            report=report.committed,
            answered=report.answered,
        )
        self._way_out = WayOut(config, pool=pool, patience=self._patience, report=report, clock=clock)
        self._intake = intake_of(
            config,
            database=pool,
            decoder=decoder,
            patience=self._patience,
            journal=self._keeps,
            taken=report.taken,
            settled=report.settled,
            complain=report.complain,
            clock=clock,
            report=self._recorded,
            is_awaited=self._way_out.is_waiting,
            elsewhere=[
                *((topic_filter, self._requests.commit) for topic_filter in config.request_subscriptions),
                *(
                    (topic_filter, self._way_out.home_assistant_started)
                    for topic_filter in config.home_assistant.subscriptions
                ),
            ],
        )
        self._alone = msgspec.structs.replace(self._intake, journal=None, timeout=config.intake.timeout)
        """Without the journal: it waits for the database."""
        self._recovery = Recovery(
            config,
            intake=self._alone,
            complain=report.complain,
            clock=clock,
            has_backlog=report.has_backlog,
        )
        self._clockwork = Clockwork(
            config,
            database=pool,
            decoder=decoder,
            guests=self._intake.guests or Guests(decoder),
            report=report,
            clock=clock,
            missing=self._recovery.missing,
        )
        self._preparation = Preparation(stop=stop)
        self._alerts = Alerts(
            recipients_of(config, clock=clock),
            config.alerts,
            instance=instance,
            database=pool,
            patience=self._patience,
            report=report,
        )
        report.wake_outbox, report.wake_counts = self._way_out.changed, self._way_out.recounted
        report.wake_outgoing = self._wrote_outgoing

    async def run(self, *, migrate: bool) -> None:
        """Until told to stop. Raises SchemaMismatch when there is no use in trying."""
        # With a journal, the broker is not kept waiting for an absent database.
        within = self._keeps.after if self._keeps else None
        async with self._preparation.beside(self._prepare(migrate=migrate), within=within):
            if not self._stop.is_set():
                await self._live()

    def reconfigure(self, config: Config, recipients: Sequence[Recipient]) -> None:
        """Use what changes without a restart: `process/config/reloading.py` has the keys."""
        self._clockwork.reconfigure(config)
        self._requests.reconfigure(config)
        self._alerts.reconfigure(recipients, config.alerts)
        if self._intake.bounds is not None:
            self._intake.bounds.reconfigure(config.limits)

    async def _prepare(self, *, migrate: bool) -> None:
        await prepare_database(
            self._pool, patience=self._patience, decoder=self._decoder, rounds=self._clockwork.rounds, migrate=migrate
        )
        signs = await self._patience(self._last_signs, purpose="looking for the last sign of life")
        self._recovery.look_back(signs)
        self._report.look_back(signs)
        if self._journal is not None and not self._journal.depth().rows:
            self._journal.drained()

    async def _last_signs(self) -> LastSigns:
        config = self._config
        asked = gateways.last_signs(
            config.gateway.instance, client_id=config.mqtt.client_id, events=config.subscription
        )
        async with self._pool.connect() as connection:
            (signs,) = await connection.commit_together(asked)
            return signs

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(servers.watch(self._pool, report=self._report, clock=self._clock))
            others = group.create_task(servers.watch_others(self._pool))
            beside = group.create_task(unless_stopped(self._work_without_broker()))
            # Outside of the connection, so a stop within it ends without "offline", and the broker publishes the will.
            await self._connections.make(lambda here, patience: unless_stopped(self._one_connection(here, patience)))
            beside.cancel()
            watch.cancel()
            others.cancel()

    async def _work_without_broker(self) -> None:
        await self._preparation.ended()
        if not self._preparation.is_done.is_set():  # the gateway stops, and the database never answered
            return
        within = self._config.database.statement_timeout
        async with asyncio.TaskGroup() as group:
            group.create_task(self._clockwork.rounds.run())
            group.create_task(self._alerts.run())
            group.create_task(
                pulse.count_what_is_due(self._pool, patience=self._patience, report=self._report, within=within)
            )
            group.create_task(self._recovery.run())
            if self._journal is not None:
                group.create_task(Drain(journal=self._journal, intake=self._alone).run())

    async def _one_connection(self, here: MqttConfig, patience: timedelta | None) -> None:
        connecting = connected(
            here,
            will=self._presence.will(),
            inbox_limit=self._config.mqtt.receive_maximum,
            window=self._config.publication.window,
            payload_limit=self._config.chirpstack.max_payload_bytes,
            patience=patience,
        )
        async with contextlib.AsyncExitStack() as stack:
            link = await waits.unless(self._stop, stack.enter_async_context(connecting))
            if link is not None:
                link.suspicion = self._connections.suspicion
                stack.callback(self._recovery.disconnected)
                await self._work(link)

    async def _work(self, link: Link) -> None:
        self._requests.publish = link.publish
        link.report_drops(self._report.dropped)  # first, because a session that was kept delivers messages at once
        await self._subscription.prove(link)
        was_prepared = self._preparation.is_done.is_set()
        is_session_lost = await self._subscription.renew(link)
        if is_session_lost:
            self._report.session_lost()
        self._recovery.connected(is_session_lost=is_session_lost)
        self._report.connected(
            protocol=link.protocol,
            session_present=link.session_present,
            oldest_event=link.oldest,
            seconds_behind=lambda: link.seconds_behind,
            address=link.here.address,
            has_others=len(self._config.mqtt.hosts) > 1,
        )
        await self._presence.begin(link)
        self._connections.worked(link)
        self._on_ready()
        async with asyncio.TaskGroup() as group:
            intake = group.create_task(unless_stopped(self._intake.run(link)))
            outbox = group.create_task(unless_stopped(self._publish(link)))
            health = group.create_task(unless_stopped(self._presence.keep(link)))
            complete = group.create_task(unless_stopped(self._complete(link, was_prepared=was_prepared)))
            alone = group.create_task(self._connections.outlast())
            await self._stop.wait()
            logger.info("Stopping: finishing the batch in hand, then what is due")
            link.stop_receiving()
            within = self._config.gateway.stop_timeout
            await finish(intake, outbox, within=within, finish_outbox=self._way_out.finish, hang_up=self._pool.hang_up)
            health.cancel()
            alone.cancel()
            complete.cancel()
        await self._presence.end(link)

    async def _complete(self, link: Link, *, was_prepared: bool) -> None:
        """Do what a connection without a database has left undone."""
        if was_prepared and self._subscription.is_complete:
            return
        await self._preparation.is_done.wait()
        is_session_lost = False if self._subscription.is_complete else await self._subscription.complete(link)
        if is_session_lost:
            self._report.session_lost()
        self._recovery.connected(is_session_lost=is_session_lost)

    async def _publish(self, link: Link) -> None:
        await waits.unless(self._stop, self._preparation.is_done.wait())
        if self._preparation.is_done.is_set():
            await self._way_out.run(link)

    def _wrote_outgoing(self) -> None:
        self._way_out.sent()
        self._alerts.wake()

    def _recorded(self, committed: Committed) -> None:
        self._clockwork.recorded(committed.recorded)
        self._report.committed(committed)
