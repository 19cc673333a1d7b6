"""The demo from its first process to its last: start everything, let cars come and go, stop the fleet, audit, clean up."""

import asyncio
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
import sqlalchemy as sa
from rich.console import Console
from rich.live import Live

from parking_gateway.cli.demo import brokers, car_park, daemon, fleet, publisher
from parking_gateway.cli.demo.audit import PATIENCE, ROOT, Report, audit
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, Kind
from parking_gateway.cli.demo.car_park import Sensor
from parking_gateway.cli.demo.daemon import Daemon
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.view import View
from parking_gateway.cli.demo.watch import Watch
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.waits import pause, seen_through, unless
from parking_gateway.register.registering import register
from parking_gateway.store import embedded, migrating
from parking_gateway.store.pool import opened

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REDRAW_SECONDS: Final = 0.25


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asked for."""

    spaces: int
    seconds: float | None
    """None: until Ctrl-C."""
    seed: int
    kinds: tuple[Kind, ...] = brokers.KINDS
    """Of brokers, the best first."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that runs while cars come and go."""

    broker: Broker
    database_url: str
    gateway: Daemon
    sensors: list[Sensor]


async def run(wish: Wish, console: Console) -> Report | None:
    """Do it all, and leave nothing behind. A first signal stops the fleet, a second one the audit; then there is no report.

    Raises BrokerFailed, GatewayDied and MqttError, alone or in a group.
    """
    stop, hurry = asyncio.Event(), asyncio.Event()
    with _signals_set(stop, hurry):
        async with _stage(wish, console) as stage:
            return await _follow(wish, stage, console, stop=stop, hurry=hurry)


async def _follow(
    wish: Wish, stage: Stage, console: Console, *, stop: asyncio.Event, hurry: asyncio.Event
) -> Report | None:
    await unless(stop, stage.gateway.ready())
    if stop.is_set():
        return None
    console.print("Gateway ready")
    _introduce(stage, console)
    report = await _play(wish, stage, console, stop=stop, hurry=hurry)
    await stage.gateway.stop()
    return report


@asynccontextmanager
async def _stage(wish: Wish, console: Console) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder())
        broker = stack.enter_context(brokers.running(folder, wish.kinds))
        console.print(f"{broker.name} ready")
        database_url = await seen_through(partial(stack.enter_context, embedded.running(folder)))
        sensors = car_park.installed(wish.spaces)
        version = await _furnish(database_url, sensors)
        console.print(f"PostgreSQL {version} ready, with {wish.spaces} spaces registered")
        gateway = await stack.enter_async_context(daemon.running(folder, broker=broker, database_url=database_url))
        yield Stage(broker=broker, database_url=database_url, gateway=gateway, sensors=sensors)


async def _furnish(database_url: str, sensors: list[Sensor]) -> str:
    """Make the schema and register the car park; return PostgreSQL's version."""
    async with opened(database_url, Config().database) as pool:
        await migrating.upgrade(pool.engine)
        async with pool.begin() as connection:
            await register(connection, car_park.entries(sensors), decoder=Decoder(), now=datetime.now(UTC))
            return str(await connection.scalar(sa.text("show server_version")))


async def _play(
    wish: Wish, stage: Stage, console: Console, *, stop: asyncio.Event, hurry: asyncio.Event
) -> Report | None:
    ledger, watch = Ledger(), Watch()
    async with asyncio.TaskGroup() as tasks:
        companions = [
            tasks.create_task(stage.gateway.died()),
            tasks.create_task(watch.listen(stage.broker.url, ROOT)),
        ]
        await watch.is_listening.wait()
        if wish.seconds is not None:
            asyncio.get_running_loop().call_later(wish.seconds, stop.set)
            console.print(f"Cars come and go for {wish.seconds:g} s")
        else:
            tasks.create_task(_show(View(watch, ledger), console, stop=stop))
        everybody = [*stage.sensors, *car_park.STRANGERS]
        async with publisher.connected(stage.broker.url) as client:
            events = fleet.events(everybody, start=datetime.now(UTC), seed=wish.seed)
            await publisher.run(client, events, ledger, stop=stop)
        console.print("The fleet has stopped; checking what the gateway made of it")
        report = await unless(hurry, _check(stage, ledger, watch))
        for task in companions:
            task.cancel()
    return report


async def _check(stage: Stage, ledger: Ledger, watch: Watch) -> Report:
    report = await audit(ledger=ledger, broker_url=stage.broker.url, database_url=stage.database_url)
    if await watch.has_heard(report.transitions, patience=PATIENCE):
        return report
    unheard = f"the log has {report.transitions} transitions, and a subscriber heard {len(watch.step_ids)} of them"
    return msgspec.structs.replace(report, differences=(*report.differences, unheard))


async def _show(view: View, console: Console, *, stop: asyncio.Event) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while not stop.is_set():
            live.update(view.draw(now=time.monotonic(), height=console.height), refresh=True)
            await pause(_REDRAW_SECONDS, stop=stop)


def _introduce(stage: Stage, console: Console) -> None:
    """Say where another terminal can look. Lines are not broken, so that they can be copied."""
    console.print("In another terminal:")
    for command in (
        f"mosquitto_sub -h {LOCALHOST} -p {stage.broker.port} -t '{ROOT}/#' -v",
        f"psql '{stage.database_url}' -c 'table space_state'",
        f"curl {stage.gateway.base_url}/metrics",
    ):
        console.print(f"  {command}", soft_wrap=True)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="parking-demo-") as name:
        folder = Path(name)
        # PostgreSQL refuses to run as root and takes another user, who has to reach its data in here.
        folder.chmod(0o755)
        yield folder


@contextmanager
def _signals_set(stop: asyncio.Event, hurry: asyncio.Event) -> Iterator[None]:
    """Within it, a first signal sets `stop`, and another one `hurry`."""
    loop = asyncio.get_running_loop()

    def obey() -> None:
        (hurry if stop.is_set() else stop).set()

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        loop.add_signal_handler(number, obey)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)
