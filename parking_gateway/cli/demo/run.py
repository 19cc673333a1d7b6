"""Runs the demo: starts the servers and the gateway, sends uplinks, stops sending, audits, and ends everything."""

import asyncio
import heapq
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from rich.console import Console
from rich.live import Live

from parking_gateway.cli.demo import brokers, car_park, fleet, floor, gate, gateway_process, lamp, office, publisher
from parking_gateway.cli.demo.audit import PATIENCE, AuditReport, audit
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, Candidate
from parking_gateway.cli.demo.car_park import Sensor
from parking_gateway.cli.demo.dashboard import Dashboard
from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.gateway_process import GatewayProcess
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.retained import ROOT
from parking_gateway.cli.demo.view import View
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.waits import pause, seen_through, unless
from parking_gateway.register import plans
from parking_gateway.register.registering import enter
from parking_gateway.store import embedded, migrating
from parking_gateway.store.database import Connection
from parking_gateway.store.diagnosis import server_version
from parking_gateway.store.pool import opened

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REDRAW_SECONDS: Final = 0.25


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    spaces: int
    seconds: float | None
    """None: until Ctrl-C."""
    seed: int
    candidates: tuple[Candidate, ...] = brokers.CANDIDATES
    """The brokers to choose from, the best first."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The running processes, and the installed sensors."""

    broker: Broker
    database_url: str
    gateway: GatewayProcess
    sensors: list[Sensor]


async def run(options: DemoOptions, console: Console) -> AuditReport | None:
    """Run the demo and remove everything that it made. A first signal stops the fleet, a second one the audit (no report).

    Raises BrokerFailed, GatewayDied and MqttError, alone or in a group.
    """
    stop, abort = asyncio.Event(), asyncio.Event()
    with _signals_set(stop, abort):
        async with _set_up(options, console) as setup:
            return await _run_until_stopped(options, setup, console, stop=stop, abort=abort)


async def _run_until_stopped(
    options: DemoOptions, setup: Setup, console: Console, *, stop: asyncio.Event, abort: asyncio.Event
) -> AuditReport | None:
    await unless(stop, setup.gateway.ready())
    if stop.is_set():
        return None
    console.print("Gateway ready")
    _print_hints(setup, console)
    report = await _simulate(options, setup, console, stop=stop, abort=abort)
    await setup.gateway.stop()
    return report


@asynccontextmanager
async def _set_up(options: DemoOptions, console: Console) -> AsyncIterator[Setup]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder())
        broker = stack.enter_context(brokers.running(folder, options.candidates))
        console.print(f"{broker.name} ready")
        database_url = await seen_through(partial(stack.enter_context, embedded.running(folder)))
        sensors = car_park.build_sensors(options.spaces)
        version = await _prepare_database(database_url, sensors)
        console.print(f"PostgreSQL {version} ready, with {options.spaces} spaces registered")
        gateway = await stack.enter_async_context(
            gateway_process.running(folder, broker=broker, database_url=database_url)
        )
        yield Setup(broker=broker, database_url=database_url, gateway=gateway, sensors=sensors)


async def _prepare_database(database_url: str, sensors: list[Sensor]) -> str:
    """Create the schema and register the car park. Returns PostgreSQL's version."""
    async with opened(database_url, Config().database) as pool:
        await migrating.upgrade(pool.engine)
        async with pool.connect() as connection:
            await enter(connection, car_park.sheet(sensors), decoder=Decoder(), now=datetime.now(UTC))
            await _draw(connection, sensors)
            (version,) = await connection.commit_together(server_version())
            return version


async def _draw(connection: Connection, sensors: list[Sensor]) -> None:
    """Give one zone a floor plan."""
    site, zone = car_park.KEPT_ZONE
    places = [sensor.place for sensor in sensors if sensor.place is not None]
    spaces = [place.space for place in places if (place.site, place.zone) == (site, zone)]
    if spaces:
        await plans.write(connection, site=site, zone=zone, content=floor.drawing(spaces), csv=None)


async def _simulate(
    options: DemoOptions, setup: Setup, console: Console, *, stop: asyncio.Event, abort: asyncio.Event
) -> AuditReport | None:
    ledger, dashboard = Ledger(), Dashboard()
    places = [sensor.place for sensor in setup.sensors if sensor.place is not None]
    async with asyncio.TaskGroup() as tasks:
        background = [
            tasks.create_task(setup.gateway.died()),
            tasks.create_task(dashboard.listen(setup.broker.url, ROOT)),
            tasks.create_task(lamp.shine(setup.broker.url, office.lamp_place(places), ledger)),
        ]
        await dashboard.is_subscribed.wait()
        if options.seconds is not None:
            asyncio.get_running_loop().call_later(options.seconds, stop.set)
            console.print(f"Cars come and go for {options.seconds:g} s")
        else:
            tasks.create_task(_show(View(dashboard, ledger), console, stop=stop))
        working = tasks.create_task(
            office.work(setup.broker.url, places, ledger, root=ROOT, seed=options.seed, stop=stop)
        )
        async with publisher.connected_client(setup.broker.url) as client:
            events = _events(setup, start=datetime.now(UTC), seed=options.seed)
            await publisher.publish_when_due(client, events, ledger, stop=stop)
        console.print("The fleet has stopped; comparing the database and the topics with what was sent")
        lamp.expect_light(ledger, office.lamp_place(places), seed=options.seed)
        report = await unless(abort, _check(setup, ledger, dashboard, working))
        working.cancel()
        for task in background:
            task.cancel()
    return report


def _events(setup: Setup, *, start: datetime, seed: int) -> Iterator[TimedEvent]:
    """What all devices send."""
    return heapq.merge(
        fleet.events([*setup.sensors, *car_park.UNASSIGNED], start=start, seed=seed),
        gate.events(start=start, seed=seed),
        lamp.events(start=start, seed=seed),
        key=lambda event: event.at,
    )


async def _check(setup: Setup, ledger: Ledger, dashboard: Dashboard, working: asyncio.Task[list[str]]) -> AuditReport:
    unexpected = await working
    report = await audit(ledger=ledger, broker_url=setup.broker.url, database_url=setup.database_url)
    report = msgspec.structs.replace(report, differences=(*report.differences, *unexpected))
    if await dashboard.has_received(report.transitions, patience=PATIENCE):
        return report
    missing = (
        f"the log has {report.transitions} transitions, and a subscriber received {len(dashboard.step_ids)} of them"
    )
    return msgspec.structs.replace(report, differences=(*report.differences, missing))


async def _show(view: View, console: Console, *, stop: asyncio.Event) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while not stop.is_set():
            live.update(view.draw(now=time.monotonic(), height=console.height), refresh=True)
            await pause(_REDRAW_SECONDS, stop=stop)


def _print_hints(setup: Setup, console: Console) -> None:
    """Print the address of the board, and commands for another terminal. Lines are not wrapped, so that they can be copied."""
    console.print(f"The board, in a browser: [bold]{setup.gateway.board_url}[/bold]", soft_wrap=True)
    console.print(
        f"  log in as {gateway_process.VISITOR}, with the password {gateway_process.PASSWORD}, to reserve or close a space",
        soft_wrap=True,
    )
    console.print("In another terminal:")
    for command in (
        f"mosquitto_sub -h {LOCALHOST} -p {setup.broker.port} -t '{ROOT}/#' -v",
        f"psql '{setup.database_url}' -c 'table space_state'",
        f"curl {setup.gateway.base_url}/metrics",
    ):
        console.print(f"  {command}", soft_wrap=True)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="parking-demo-") as name:
        folder = Path(name)
        # PostgreSQL does not run as root: it runs as another user, who needs access to its data in this folder.
        folder.chmod(0o755)
        yield folder


@contextmanager
def _signals_set(stop: asyncio.Event, abort: asyncio.Event) -> Iterator[None]:
    """Inside, a first signal sets `stop`, and another one `abort`."""
    loop = asyncio.get_running_loop()

    def react() -> None:
        (abort if stop.is_set() else stop).set()

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        loop.add_signal_handler(number, react)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)
