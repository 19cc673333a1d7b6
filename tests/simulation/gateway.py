"""One life of the gateway: what `gateway.life.Life` runs, without what reaches the network or the disk by itself."""

import asyncio
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from parking_gateway.broker.link import Link, connected
from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.clock import history, silence
from parking_gateway.clock.moment import Moment
from parking_gateway.contract.gateways import GatewayMessage, gateway_publication
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.gateway.connections import Connections
from parking_gateway.gateway.opening import intake_of
from parking_gateway.gateway.way_out import WayOut
from parking_gateway.intake.drain import Drain
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.subscription import Subscription
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import (
    GatewayConfig,
    IntakeConfig,
    JournalConfig,
    PublicationConfig,
    RequestsConfig,
)
from parking_gateway.process.waits import Backoff
from parking_gateway.store import gateways
from parking_gateway.store.patience import Patience
from parking_gateway.store.verdicts import FAILURES
from parking_gateway.telemetry.report import Report as RealReport
from tests.simulation.database import SimulatedDatabase
from tests.simulation.disk import SimulatedFile
from tests.simulation.report import Report
from tests.simulation.server import Server

if TYPE_CHECKING:
    from tests.simulation.machines import Machine

CONFIG: Final = Config(
    mqtt=MqttConfig(receive_maximum=20),
    intake=IntakeConfig(batch_size=10),
    journal=JournalConfig(after=timedelta(seconds=2)),
    publication=PublicationConfig(poll_interval=timedelta(seconds=30), counts_interval=timedelta(seconds=5)),
    requests=RequestsConfig(enabled=False),
    gateway=GatewayConfig(instance="gw"),
)
_DECODER: Final = Decoder()
LOST_AFTER: Final = timedelta(seconds=60)
"""Silence of a sensor."""
_ROUND_EVERY: Final = 20.0
"""Seconds. The real gateway looks for late uplinks every second; here, that would be most of all work."""


class Life:
    """One process of the gateway, from its start to its end."""

    def __init__(self, machine: "Machine", server: Server, report: Report) -> None:
        config, clock = machine.config, machine.clock
        self._config = config
        self._database = database = SimulatedDatabase(server, machine)
        self._clock = clock
        self._report = report
        self._stop = asyncio.Event()
        self._is_prepared = asyncio.Event()
        real = cast(RealReport, report)
        backoff = Backoff(shortest=CONFIG.database.reconnect_wait_min, longest=CONFIG.database.reconnect_wait_max)
        self._patience = Patience(database, backoff=backoff, stop=self._stop, report=report.database_answers)
        self._journal = Journal(
            SimulatedFile(machine.disk, now=clock()),
            after=CONFIG.journal.after,
            max_bytes=machine.disk.max_bytes,
            clock=clock,
            complain=report.complain,
        )
        self._connections = Connections(
            config=config.mqtt, suspicion=Suspicion(CONFIG.publication.root), report=real, stop=self._stop
        )
        self._subscription = Subscription(
            config, database=database, patience=self._patience, complain=report.complain, journal=self._journal
        )
        self._way_out = WayOut(config, pool=cast(Any, database), patience=self._patience, report=real, clock=clock)
        self._intake = intake_of(
            config,
            database=database,
            decoder=_DECODER,
            patience=self._patience,
            journal=self._journal,
            clock=clock,
            report=report.committed,
            is_awaited=self._way_out.is_waiting,
        )
        alone = msgspec.structs.replace(self._intake, journal=None, timeout=CONFIG.intake.timeout)
        report.health.journal = self._journal.depth
        self._drain = Drain(journal=self._journal, intake=alone)
        report.changed, report.recounted = self._way_out.changed, self._way_out.recounted
        report.sent = self._way_out.sent

    async def run(self) -> None:
        """Live until the power is cut."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work_without_broker())
            group.create_task(self._connections.make(self._one_connection))

    async def _work_without_broker(self) -> None:
        await self._patience(self._ask, purpose="preparing the database")
        if not self._journal.depth().rows:
            self._journal.drained()
        self._is_prepared.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._drain.run())
            for one in (history, silence):
                group.create_task(self._go_round(one))

    async def _ask(self) -> None:
        async with self._database.connect() as connection:
            await connection.commit_together(gateways.markers())

    async def _go_round(self, of_clock: ModuleType) -> None:
        while True:
            await asyncio.sleep(_ROUND_EVERY)
            moment = Moment(
                now=self._clock(),
                listening_since=self._report.listening_since,
                lost_after=LOST_AFTER,
                guests=Guests(_DECODER),
            )
            try:
                self._report.committed(await of_clock.go(self._database, moment))
            except FAILURES:
                self._database.renew()

    async def _one_connection(self, here: MqttConfig, patience: timedelta | None) -> None:
        connecting = connected(here, patience=patience, will=None, inbox_limit=CONFIG.mqtt.receive_maximum, window=20)
        async with connecting as link:
            link.suspicion = self._connections.suspicion
            if await self._subscription.renew(link):
                self._report.session_lost()
            self._report.connected(session_present=link.session_present, oldest_event=link.oldest)
            online = GatewayMessage(status="online", since=self._report.started)
            await link.publish([gateway_publication(CONFIG.publication.root, self._config.gateway.instance, online)])
            self._connections.has_worked = True
            async with asyncio.TaskGroup() as group:
                group.create_task(self._intake.run(link))
                group.create_task(self._publish(link))
                group.create_task(self._complete(link))

    async def _publish(self, link: Link) -> None:
        await self._is_prepared.wait()
        await self._way_out.run(link)

    async def _complete(self, link: Link) -> None:
        if not self._subscription.is_complete:
            await self._is_prepared.wait()
            if await self._subscription.complete(link):
                self._report.session_lost()
