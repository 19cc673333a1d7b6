"""The retained picture is true again after each connection, whatever happened to broker and database meanwhile."""

import shutil
import time
from contextlib import suppress
from functools import partial

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.audited_topics import wrong_topics
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.recorded import read_database
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.acceptance.test_going_back import SELDOM, save
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import (
    has_published,
    has_uplinks,
    occupied_spaces,
    publish,
    settled,
    traffic,
    until,
)

SPACES = 1000
WITHIN = 10
"""Seconds."""
HEALED = "Retained messages differed from the database and are healed"


@pytest.fixture
def unsaved(configured: Configured) -> Broker:
    """A Mosquitto that saves its store only on SIGUSR1 and at its end."""
    return configured(SELDOM)


async def has_occupied(broker: Broker, spaces: int) -> bool:
    return await occupied_spaces(broker) == spaces


async def test_yesterdays_retained_messages_are_right_within_seconds(
    daemon: Daemon, unsaved: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """The broker is restored from a copy, in which half of the spaces are occupied that are free now."""
    devices, broker = await car_park(SPACES), unsaved
    store, changed = broker.log.with_name("mosquitto.db"), SPACES // 2
    daemon.configure(MQTT__URL=broker.url)
    daemon.start_and_wait()
    await publish(broker, traffic(devices[:changed], uplinks=changed))
    await until(partial(is_right, engine, broker, database, uplinks=changed), "the states of yesterday")
    await save(broker)
    yesterday = shutil.copy(store, store.with_name("yesterday.db"))
    await publish(broker, traffic(devices[:changed], uplinks=2 * changed)[changed:])
    await until(partial(is_right, engine, broker, database, uplinks=2 * changed), "the states of today")
    assert daemon.terminate() == 0
    broker.stop()
    shutil.copy(yesterday, store)
    broker.start()
    assert await occupied_spaces(broker) == changed
    before = len(daemon.log_lines(HEALED))  # of the traffic while the first start read back
    daemon.start_and_wait()
    began = time.monotonic()
    await until(partial(has_occupied, broker, 0), "states that are right")
    assert time.monotonic() - began < WITHIN
    await until(partial(is_right, engine, broker, database, uplinks=2 * changed), "topics that are right")
    await until(partial(has_healed, daemon, after=before), "a line of the log")
    (line,) = daemon.log_lines(HEALED)[before:]
    assert line["published_again"] in range(changed, SPACES)  # not the other half of the spaces and their devices


async def is_right(engine: AsyncEngine, broker: Broker, database: str, *, uplinks: int) -> bool:
    """Whether as many uplinks are recorded, nothing is due, and every topic equals its row."""
    if not await has_uplinks(engine, uplinks) or not await has_published(engine):
        return False
    return not [*wrong_topics(await read_database(database), await read_retained(broker.url, ROOT), ROOT)]


async def has_healed(daemon: Daemon, *, after: int = 0) -> bool:
    return len(daemon.log_lines(HEALED)) > after


async def test_the_tree_is_read_back_again_after_the_connection_that_reads_is_lost(
    daemon: Daemon, unsaved: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """Another client with its client id throws it out until the gateway has noticed."""
    await car_park(SPACES)
    wiped = f"{ROOT}/spaces/central/level-1/A-{SPACES}"
    daemon.configure(MQTT__URL=unsaved.url)
    daemon.start_and_wait()
    await until(partial(is_right, engine, unsaved, database, uplinks=0), "topics that are right")
    assert daemon.terminate() == 0
    async with aiomqtt.Client(LOCALHOST, unsaved.port) as client:
        await client.publish(wiped, b"", qos=1, retain=True)

    async def has_failed() -> bool:
        with suppress(aiomqtt.MqttError):
            async with aiomqtt.Client(
                LOCALHOST, unsaved.port, identifier=f"{daemon.environment['PARKING_GATEWAY_MQTT__CLIENT_ID']}-reads"
            ) as rival:
                await rival.publish("elsewhere", b"", qos=1)
        return bool(daemon.log_lines("The retained messages cannot be read back"))

    daemon.start()
    await until(has_failed, "a reading that fails")
    await until(partial(has_healed, daemon), "a line of the log")
    assert daemon.log_lines(HEALED)[-1]["published_again"] == 1
    await until(partial(is_right, engine, unsaved, database, uplinks=0), "topics that are right")


async def test_topics_whose_rows_went_while_the_gateway_was_away_are_cleared(
    daemon: Daemon, unsaved: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """A site was renamed, and a space removed."""
    await car_park(3)
    daemon.configure(MQTT__URL=unsaved.url)
    daemon.start_and_wait()
    await settled(engine, unsaved, database, uplinks=0)
    assert daemon.terminate() == 0
    async with engine.begin() as connection:
        await connection.execute(sa.text("update site set name = 'north'"))
        await connection.execute(sa.text("delete from installation using space where id = space_id and name = 'A-3'"))
        await connection.execute(sa.text("delete from space where name = 'A-3'"))
    assert f"{ROOT}/spaces/central/level-1/A-3" in await read_retained(unsaved.url, ROOT)
    daemon.start_and_wait()

    async def has_moved() -> bool:
        states = {
            *await read_retained(unsaved.url, f"{ROOT}/spaces"),
            *await read_retained(unsaved.url, f"{ROOT}/sites"),
        }
        return states == {
            f"{ROOT}/{topic}" for topic in ("spaces/north/level-1/A-1", "spaces/north/level-1/A-2", "sites/north")
        }

    await until(has_moved, "the topics of the rows, and no others")
    await settled(engine, unsaved, database, uplinks=0)


async def test_two_gateways_heal_one_tree_beside_traffic(
    daemon: Daemon, second_daemon: Daemon, unsaved: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """Both read it back after the broker was killed between two saves. Afterwards nothing is due and nothing is wrong."""
    devices, broker = await car_park(100), unsaved
    for one in (daemon, second_daemon):
        one.configure(MQTT__URL=broker.url)
        one.start_and_wait()
    await publish(broker, traffic(devices, uplinks=100))
    await settled(engine, broker, database, uplinks=100)
    await save(broker)
    await publish(broker, traffic(devices, uplinks=200)[100:])
    await settled(engine, broker, database, uplinks=200)
    broker.kill()
    broker.start()
    await publish(broker, traffic(devices, uplinks=300)[200:])
    await settled(engine, broker, database, uplinks=300)
    assert await occupied_spaces(broker) == 100
