"""After SIGTERM the gateway ends in time and with status 0, whatever it waits for, and nothing is lost."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.proxy import Proxied, Proxy
from tests.whole_gateway import halted, has_logged, has_recorded, publish, settled, traffic, until

STOP_TIMEOUT = 2
A_LITTLE = 3
"""Seconds beyond it, for a busy machine."""
BACKLOG = 8_000


@contextmanager
def stopped_in_time(daemon: Daemon) -> Iterator[None]:
    """Send SIGTERM, and at the end of the block check that it has ended."""
    daemon.send(signal.SIGTERM)
    began = time.monotonic()
    yield
    assert daemon.wait() == 0
    assert time.monotonic() - began < STOP_TIMEOUT + A_LITTLE
    assert "Traceback" not in daemon.log.read_text()


async def retained_status(broker: Broker) -> str:
    """The retained status of the gateway."""
    status: str = json.loads((await read_retained(broker.url, ROOT))[f"{ROOT}/gateways/test"])["status"]
    return status


async def is_offline(broker: Broker) -> bool:
    return await retained_status(broker) == "offline"


@pytest.fixture
def impatient(daemon: Daemon) -> Daemon:
    """A gateway with small batches and a short stop timeout."""
    daemon.configure(MQTT__RECEIVE_MAXIMUM="100", INTAKE__BATCH_SIZE="100", GATEWAY__STOP_TIMEOUT="2")
    return daemon


@pytest.mark.usefixtures("lasting")
async def test_in_a_backlog(
    impatient: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, protocol: str
) -> None:
    """The gateway waits for confirmations that come after all waiting messages."""
    impatient.configure(MQTT__PROTOCOL=protocol)
    devices = await car_park(50)
    impatient.start_and_wait()
    assert impatient.terminate() == 0
    await publish(broker, traffic(devices, uplinks=BACKLOG))
    impatient.start_and_wait()
    await until(partial(has_recorded, engine, 500), "more than 500 uplinks")
    with stopped_in_time(impatient):
        pass
    assert not await has_recorded(engine, BACKLOG - 1)
    assert await retained_status(broker) == "offline"
    impatient.start_and_wait()
    await settled(engine, broker, database, uplinks=BACKLOG)


@pytest.mark.usefixtures("lasting")
async def test_while_a_table_is_locked(
    impatient: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(10)
    impatient.start_and_wait()
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("lock table uplink in access exclusive mode")
        await publish(broker, traffic(devices, uplinks=2_000))
        await until(partial(_waits_for_a_lock, engine), "a transaction that waits")
        with stopped_in_time(impatient):
            pass
    assert await retained_status(broker) == "offline"
    impatient.start_and_wait()
    await settled(engine, broker, database, uplinks=2_000)


async def _waits_for_a_lock(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return bool(await connection.scalar(sa.text("select count(*) from pg_locks where not granted")))


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("has_work", [False, True])
async def test_while_the_database_does_not_answer(
    impatient: Daemon,
    broker: Broker,
    database: str,
    engine: AsyncEngine,
    car_park: CarPark,
    *,
    has_work: bool,
) -> None:
    """Its processes are suspended: connections stay open, and nothing answers them."""
    devices = await car_park(10)
    impatient.start_and_wait()
    async with halted(database):
        if has_work:
            await publish(broker, traffic(devices, uplinks=2_000))
        with stopped_in_time(impatient):
            pass
        assert await retained_status(broker) == "offline"
    await publish(broker, traffic(devices, uplinks=2_000))
    impatient.start_and_wait()
    await until(partial(has_recorded, engine, 1_999), "all uplinks")


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("has_work", [False, True])
async def test_while_the_broker_does_not_answer(
    impatient: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, proxied: Proxied, *, has_work: bool
) -> None:
    """The gateway cannot publish "offline"; the broker publishes the will when it notices the lost connection."""
    devices = await car_park(10)
    proxy = proxied(broker.port)
    impatient.configure(MQTT__URL=proxy.url)
    impatient.start_and_wait()
    if has_work:
        await publish(broker, traffic(devices, uplinks=2_000))
        await until(partial(has_recorded, engine, 100), "some uplinks")
    proxy.stall()
    with stopped_in_time(impatient):
        pass
    proxy.resume()
    await until(partial(is_offline, broker), "the will")
    impatient.start_and_wait()


@pytest.mark.usefixtures("lasting")
async def test_before_it_is_ready(impatient: Daemon, broker: Broker, database: str, proxied: Proxied) -> None:
    """Broker and database accept connections and answer nothing."""
    proxy = proxied(broker.port)
    impatient.configure(MQTT__URL=proxy.url, DATABASE__CONNECT_TIMEOUT="2")
    proxy.stall()
    impatient.start()
    await until(partial(_is_connected, proxy), "an attempt to connect")
    with stopped_in_time(impatient):
        pass
    async with halted(database):
        impatient.start()
        await until(partial(has_logged, impatient, "The database does not answer"), "a warning")
        with stopped_in_time(impatient):
            pass


async def _is_connected(proxy: Proxy) -> bool:
    return proxy.connections > 0
