"""The composition root: opens everything, runs the tasks, and closes in reverse.

A broker connection is a scope. While one stands, intake, outbox and the health report work over it; when it is lost they
end, and the next connection starts them again. Nothing of theirs needs to survive: the broker's session holds what was
not acknowledged, the database what was not published.
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from loguru import logger

from parking_gateway import chirpstack, clocks, codecs, patrol, pulse, supervision, web
from parking_gateway.broker.asking import asking, shares, sharing_complaint
from parking_gateway.broker.link import Link, MqttError, connected
from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.config import Config
from parking_gateway.decoding import Choice, Decoder
from parking_gateway.intake import Intake
from parking_gateway.marker import Marker
from parking_gateway.opening import database, decoder_of, lacking, mistakes_of
from parking_gateway.outbox import Outbox
from parking_gateway.picture import Picture
from parking_gateway.publication import GatewayMessage, Publication, gateway_publication, gateway_topic
from parking_gateway.questioning import Guests
from parking_gateway.recording import Outcome
from parking_gateway.reporting import Reporting
from parking_gateway.rivalry import SOON, Rivalry
from parking_gateway.store import schema
from parking_gateway.store.engine import Engine, hang_up
from parking_gateway.store.installations import Chosen, chosen_codecs
from parking_gateway.store.patience import Patience, Stopped
from parking_gateway.subscription import Subscription
from parking_gateway.supervision import Backoff, attempts
from parking_gateway.telemetry import Health, Metrics

_LAST_WORD: Final = 1.0
"""Seconds beyond `gateway.stop_timeout` for "offline". From a broker that does not take it, the will says it."""
_UNWINDING: Final = 0.2
"""Seconds for tasks whose connections were ended to come to their end."""
_YOUNG_OBJECTS: Final = 10_000
"""So many new ones before the garbage collector looks at them: a batch makes thousands, and hardly a cycle among them."""


async def run(config: Config, *, stop: asyncio.Event, migrate: bool = False) -> None:
    """Run until `stop`. Raises ConfigError or SchemaMismatch when there is no use in trying."""
    decoder = decoder_of(config)
    if absent := [sentence for _, sentence in lacking(config)]:
        logger.bind(error="; ".join(absent)).warning(
            "The gateway starts without something that the configuration names"
        )
    async with contextlib.AsyncExitStack() as stack:
        systemd = stack.enter_context(supervision.systemd())
        health = Health(
            stalled_after=config.telemetry.stalled_after,
            overdue_after=config.telemetry.overdue_after,
            alive=systemd.alive,
        )
        await stack.enter_async_context(supervision.beside(pulse.tell(systemd, health, stop=stop)))
        metrics = Metrics(health)
        await stack.enter_async_context(web.serve(config.telemetry.listen, metrics=metrics, health=health))
        engine = await stack.enter_async_context(database(config))
        reporting = Reporting(health=health, metrics=metrics, started=datetime.now(UTC))
        gateway = _Gateway(
            config,
            engine=engine,
            decoder=decoder,
            reporting=reporting,
            on_ready=systemd.ready,
            stop=stop,
        )
        is_finished = await supervision.finished(
            stop,
            gateway.run(migrate=migrate),
            seconds=config.gateway.stop_timeout.total_seconds() + _LAST_WORD,
            give_up=partial(hang_up, engine),
        )
        if not is_finished:
            logger.warning(
                "The broker or the database was still waited for; what is unfinished will be at the next start"
            )
        systemd.stopping()
    logger.info("Stopped")


class _Gateway:
    """One process, from its first connection to the database to its last word on the broker."""

    def __init__(
        self,
        config: Config,
        *,
        engine: Engine,
        decoder: Decoder,
        reporting: Reporting,
        on_ready: Callable[[], None],
        stop: asyncio.Event,
    ) -> None:
        self._config = config
        self._root = config.publication.root
        self._instance = config.gateway.instance
        self._engine = engine
        self._decoder = decoder
        self._reporting = reporting
        self._on_ready = on_ready
        self._stop = stop
        self._has_worked = False
        """Whether the present connection came as far as events and confirmed publications."""
        self._patience = Patience(
            engine,
            backoff=Backoff(shortest=config.database.reconnect_wait_min, longest=config.database.reconnect_wait_max),
            stop=stop,
            report=reporting.database_answers,
        )
        self._suspicion = Suspicion(self._root)
        marker = Marker(root=self._root, instance=self._instance)
        self._subscription = Subscription(config, engine=engine, patience=self._patience)
        self._picture = Picture(
            config, engine=engine, patience=self._patience, marker=marker, complain=reporting.complain
        )
        self._outbox = Outbox(
            config.publication, engine=engine, patience=self._patience, marker=marker, report=reporting.published
        )
        self._intake = Intake(
            engine=engine,
            decoder=decoder,
            guests=Guests(decoder) if codecs.has_guests(decoder.folder) else None,
            limits=chirpstack.Limits(
                payload_bytes=config.chirpstack.max_payload_bytes,
                depth=config.chirpstack.max_depth,
                reach=clocks.reach(config.mqtt.session_expiry),
            ),
            batch_size=config.intake.batch_size,
            timeout=config.intake.timeout,
            patience=self._patience,
            announce_every=config.publication.device_interval,
            taken=reporting.taken,
            settled=reporting.settled,
            report=self._report,
        )

    async def run(self, *, migrate: bool) -> None:
        """Until told to stop."""
        await supervision.unless(self._stop, _unless_stopped(self.prepare(migrate=migrate)))
        if not self._stop.is_set():
            await self.live()

    async def prepare(self, *, migrate: bool) -> None:
        """Wait for the database and make sure that everything in it can be worked with."""
        if migrate:
            from parking_gateway.store import migrating  # noqa: PLC0415 - Alembic, which else nobody needs

            await self._patience(partial(migrating.upgrade, self._engine), purpose="migrating")
        chosen = await self._patience(self._check_schema, purpose="connecting")
        # In a thread, because guests are looked for, which takes its time.
        await asyncio.to_thread(self._warn_of_unusable, chosen)
        # Before the first uplinks, where that is possible now; else they go into the default partition, and move.
        await patrol.try_partitions(self._engine)
        # What is there now stays: the garbage collector need not look at it again with every batch.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS)

    def _warn_of_unusable(self, chosen: list[Chosen]) -> None:
        """Say once how much cannot be read. A codec that is not there, such as one of a late mount, stops nobody else's."""
        wrong = [
            (one, mistake)
            for one in chosen
            for mistake in mistakes_of(self._decoder, Choice(codec=one.codec, options=one.options))
        ]
        if wrong:
            one, mistake = wrong[0]
            logger.bind(
                installations=sum(one.installations for one, _ in wrong), dev_eui=one.dev_eui, error=mistake
            ).warning(
                "Codecs of installations cannot be used; until they can, the frames of these devices are rejected"
            )

    async def live(self) -> None:
        """Work over one broker connection after the other until told to stop."""
        mqtt = self._config.mqtt
        backoff = Backoff(shortest=mqtt.reconnect_wait_min, longest=mqtt.reconnect_wait_max)
        rivalry = Rivalry(mqtt.client_id)
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as group:
            rounds = group.create_task(patrol.run(self._engine, postponed=self._reporting.partition_postponed))
            counting = group.create_task(_unless_stopped(self._count_what_is_due()))
            async for attempt in attempts(backoff, stop=self._stop, has_worked=lambda: self._has_worked):
                began, self._has_worked = clock(), False
                suspicion = self._suspicion
                before = (suspicion.losses_alone, suspicion.convicted)
                try:
                    await _unless_stopped(self._one_connection())
                except* (MqttError, OSError) as lost:
                    error = _first(lost)
                    self._reporting.disconnected(_in_one_line(error))
                    logger.bind(attempt=attempt, error=_in_one_line(error)).warning("No connection to the broker")
                    lasted = timedelta(seconds=clock() - began)
                    if suspicion.losses_alone == before[0]:
                        rivalry.ended(error, has_worked=self._has_worked, lasted=lasted)
                    elif suspicion.convicted > before[1]:
                        rivalry.explained()
                    self._reporting.complain("client_id", rivalry.complaint)
                await supervision.pause(rivalry.wait(), stop=self._stop)
            rounds.cancel()
            counting.cancel()

    async def _one_connection(self) -> None:
        connecting = connected(
            self._config.mqtt,
            will=self._status("offline"),
            inbox_limit=self._config.mqtt.receive_maximum,
            window=self._config.publication.window,
            payload_limit=self._config.chirpstack.max_payload_bytes,
        )
        async with contextlib.AsyncExitStack() as stack:
            link = await supervision.unless(self._stop, stack.enter_async_context(connecting))
            if link is not None:
                link.suspicion = self._suspicion
                await self._work(link)

    async def _work(self, link: Link) -> None:
        link.report_drops(self._reporting.dropped)  # first, because a session that stood brings messages at once
        await self._prove_sharing(link)
        if await self._subscription.renew(link):
            self._reporting.session_lost()
        self._reporting.connected(
            protocol=link.protocol, session_present=link.session_present, oldest_event=link.oldest
        )
        self._reporting.refused(await link.publish([self._status("online"), self._health_message(link)]))
        self._has_worked = True
        self._on_ready()
        async with asyncio.TaskGroup() as group:
            intake = group.create_task(_unless_stopped(self._intake.run(link)))
            outbox = group.create_task(_unless_stopped(self._publish(link)))
            health = group.create_task(
                _unless_stopped(pulse.report(partial(self._publish_health, link), self._reporting.health))
            )
            alone = group.create_task(self._outlast_rivals())
            await self._stop.wait()
            logger.info("Stopping: finishing the batch in hand, then what is due")
            link.stop_receiving()
            await self._drain(intake, outbox)
            health.cancel()
            alone.cancel()
        self._reporting.refused(await link.publish([self._status("offline")]))

    async def _outlast_rivals(self) -> None:
        """A connection that holds so long shows that no other client uses our id any more."""
        await asyncio.sleep(SOON.total_seconds())
        self._reporting.complain("client_id", None)

    async def _publish(self, link: Link) -> None:
        await self._picture.compare(link)
        await self._outbox.run(link)

    async def _prove_sharing(self, link: Link) -> None:
        """Raise unless events can come over the shared subscription that the configuration asks for."""
        group = self._config.mqtt.shared_group
        if group is None:
            return
        folder = gateway_topic(self._root, self._instance)
        async with asking(self._config.mqtt, name="proves", protocol=link.protocol) as asked:
            answer = await shares(asked, folder=folder, group=group)
        complaint = sharing_complaint(answer, group=group, folder=folder)
        self._reporting.complain("sharing", complaint)
        if answer is False:
            raise MqttError(complaint)

    async def _drain(self, intake: asyncio.Task[None], outbox: asyncio.Task[None]) -> None:
        # Not awaited themselves: who waits and runs out of time would cancel them, before their connections are ended.
        until = asyncio.get_running_loop().time() + self._config.gateway.stop_timeout.total_seconds()
        await asyncio.wait({intake}, timeout=self._config.gateway.stop_timeout.total_seconds())
        self._outbox.finish()
        await asyncio.wait({outbox}, timeout=until - asyncio.get_running_loop().time())
        if intake.done() and outbox.done():
            return
        # What is left is not lost: the broker has the messages, the database what is due.
        logger.warning("Not everything was finished within gateway.stop_timeout; it will be at the next start")
        hang_up(self._engine)
        await asyncio.wait({intake, outbox}, timeout=_UNWINDING)
        intake.cancel()
        outbox.cancel()

    def _report(self, outcome: Outcome) -> None:
        self._outbox.changed(outcome.changed)
        self._reporting.recorded(outcome)

    async def _count_what_is_due(self) -> None:
        within = self._config.database.statement_timeout
        await pulse.count_what_is_due(self._engine, patience=self._patience, reporting=self._reporting, within=within)

    async def _publish_health(self, link: Link) -> None:
        self._reporting.refused(await link.publish([self._health_message(link)]))

    def _health_message(self, link: Link) -> Publication:
        message = self._reporting.health_message(inbox=link.waiting)
        return gateway_publication(self._root, self._instance, message)

    def _status(self, status: Literal["online", "offline"]) -> Publication:
        message = GatewayMessage(status=status, since=self._reporting.started)
        return gateway_publication(self._root, self._instance, message)

    async def _check_schema(self) -> list[Chosen]:
        async with self._engine.connect() as connection:
            await schema.require_current(connection)
            return await chosen_codecs(connection)


async def _unless_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do the work. That the database is away when we are told to stop is no failure."""
    try:
        await work
    except* Stopped:
        logger.warning("The database was away when we stopped; what was in hand is done at the next start")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
