"""The gateway as a process beside a real broker and a real PostgreSQL: killed, stopped and started in any order."""

import asyncio
import json
import signal
from functools import partial
from pathlib import Path

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.events import VACANT, topic_of, up
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import (
    PATIENCE,
    has_logged,
    has_recorded,
    publish,
    settled,
    traffic,
    unavailable,
    until,
)


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_after_a_signal_it_finishes_publishes_offline_and_ends_with_status_0(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, number: signal.Signals
) -> None:
    devices = await car_park(10)
    daemon.is_forked = False
    daemon.start_and_wait()
    online = json.loads((await read_retained(broker.url, ROOT))[f"{ROOT}/gateways/test"])
    await publish(broker, traffic(devices, uplinks=300))
    daemon.send(number)
    daemon.wait_until("STOPPING=1")
    assert daemon.wait() == 0
    offline = json.loads((await read_retained(broker.url, ROOT))[f"{ROOT}/gateways/test"])
    assert (online["status"], offline["status"]) == ("online", "offline")
    assert online["since"] == offline["since"]
    daemon.start_and_wait()
    await settled(engine, broker, database, uplinks=300)


@pytest.mark.usefixtures("lasting")
async def test_a_killed_gateway_is_declared_offline_by_its_will(daemon: Daemon, broker: Broker) -> None:
    daemon.start_and_wait()
    async with aiomqtt.Client(LOCALHOST, broker.port) as dashboard:
        await dashboard.subscribe(f"{ROOT}/gateways/test", qos=1)
        daemon.kill()
        async with asyncio.timeout(PATIENCE):
            async for message in dashboard.messages:
                if json.loads(bytes(message.payload))["status"] == "offline":
                    break


async def test_it_waits_for_a_broker_that_starts_later(daemon: Daemon, broker: Broker) -> None:
    broker.stop()
    daemon.start()
    broker.start()
    daemon.wait_until("READY=1")
    assert daemon.terminate() == 0


async def test_a_gateway_that_finds_no_broker_can_be_stopped(daemon: Daemon, broker: Broker) -> None:
    broker.stop()
    daemon.start()
    await until(partial(has_logged, daemon, "No connection to the broker"), "a warning that there is no broker")
    assert daemon.terminate() == 0


async def test_it_waits_for_a_database_that_goes_away(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(10)
    daemon.start_and_wait()
    async with unavailable(database):
        await publish(broker, traffic(devices, uplinks=200))
        await until(partial(has_logged, daemon, "The database does not answer"), "a warning that the database is away")
    await settled(engine, broker, database, uplinks=200)


@pytest.mark.usefixtures("lasting")
async def test_a_gateway_whose_database_is_away_can_be_stopped(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(10)
    daemon.start_and_wait()
    async with unavailable(database):
        await publish(broker, traffic(devices, uplinks=200))
        await until(partial(has_logged, daemon, "The database does not answer"), "a warning that the database is away")
        assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()
    daemon.start_and_wait()
    await settled(engine, broker, database, uplinks=200)


async def test_a_restart_publishes_only_what_is_due(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(30)
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=30))
    await settled(engine, broker, database, uplinks=30)
    assert daemon.terminate() == 0
    async with aiomqtt.Client(LOCALHOST, broker.port) as dashboard:
        await dashboard.subscribe(f"{ROOT}/spaces/#", qos=1)
        daemon.start_and_wait()
        await publish(broker, [(topic_of(devices[6]), up(devices[6], VACANT, at=100))])
        async with asyncio.timeout(PATIENCE):
            async for message in dashboard.messages:
                if not message.retain:
                    assert str(message.topic) == f"{ROOT}/spaces/central/level-1/A-7"
                    break


async def test_a_topic_that_the_broker_refuses_stops_nothing_else(
    daemon: Daemon, configured: Configured, engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    """An ACL without the transitions stops only those: uplinks are recorded over the same connection."""
    devices = await car_park(5)
    acl = tmp_path / "acl"
    acl.write_text(
        "".join(f"topic readwrite {topic}\n" for topic in ("application/#", f"{ROOT}/gateways/#", f"{ROOT}/spaces/#"))
    )
    acl.chmod(0o644)
    broker = configured(f"acl_file {acl}\nmax_queued_messages 1000000\n")
    daemon.configure(MQTT__URL=broker.url, PUBLICATION__POLL_INTERVAL="0.2")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=10))
    await until(partial(has_logged, daemon, "The broker refuses a publication"), "a warning about the refusal")
    await publish(broker, traffic(devices, uplinks=30)[10:])
    await until(partial(has_recorded, engine, 29), "all uplinks")
    assert "No connection to the broker" not in daemon.log.read_text()
    assert daemon.terminate() == 0


async def test_a_schema_that_is_missing_is_one_sentence_and_status_78(daemon: Daemon, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("drop table alembic_version"))
    daemon.start()
    assert daemon.wait() == 78
    assert "The database has no schema yet. Run: parking-gateway migrate" in daemon.log.read_text()
    assert "Traceback" not in daemon.log.read_text()


async def test_it_migrates_with_the_option_migrate(
    daemon: Daemon, engine: AsyncEngine, broker: Broker, database: str
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("drop schema public cascade"))
        await connection.execute(sa.text("create schema public"))
    daemon.is_forked = False
    daemon.start_and_wait("--migrate")
    await publish(broker, [(topic_of("a840410000000001"), up("a840410000000001"))])
    await settled(engine, broker, database, uplinks=1)
