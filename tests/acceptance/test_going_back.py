"""A broker or a database comes back with an older state: the gateway notices it and publishes everything again."""

import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.events import OCCUPIED, VACANT, topic_of, up
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.proxy import Proxied, Proxy
from tests.whole_gateway import has_logged, occupied_spaces, publish, retained_versions, settled, traffic, until

SELDOM = "autosave_interval 1800\n"
"""Mosquitto's default: during a test it saves its store only on SIGUSR1."""
TABLES = ("site", "zone", "space", "device", "gateway")
Settle = Callable[[Broker, int], Awaitable[object]]


@pytest.fixture
def unsaved(configured: Configured) -> Broker:
    """A Mosquitto that saves its store only on SIGUSR1."""
    return configured(SELDOM)


@pytest.fixture
def settle(engine: AsyncEngine, database: str) -> Settle:
    """Waits until this number of uplinks is recorded and the retained messages equal the database."""

    async def wait(broker: Broker, uplinks: int) -> None:
        await settled(engine, broker, database, uplinks=uplinks)

    return wait


def saved_at(broker: Broker) -> int:
    """The time of Mosquitto's last save; 0 means never."""
    store = broker.log.with_name("mosquitto.db")
    return store.stat().st_mtime_ns if store.exists() else 0


async def save(broker: Broker) -> None:
    """Let Mosquitto save its store."""
    before = saved_at(broker)

    async def is_saved() -> bool:
        return saved_at(broker) > before

    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGUSR1)
    await until(is_saved, "a saved store")


@asynccontextmanager
async def killed_between_two_saves(broker: Broker, proxy: Proxy) -> AsyncIterator[None]:
    """Kill the broker and start it with its last save. The gateway connects to it at the end of the block."""
    proxy.stall()
    broker.kill()
    broker.start()
    yield
    proxy.cut()
    proxy.resume()


async def test_a_broker_killed_between_two_saves_gets_the_right_states_again(
    daemon: Daemon, unsaved: Broker, proxied: Proxied, settle: Settle, car_park: CarPark
) -> None:
    """Before the gateway connects again, the broker has the old states. In MQTT 3.1.1; T5 of the proof is in MQTT 5."""
    devices = await car_park(30)
    broker = unsaved
    proxy = proxied(broker.port)
    daemon.configure(MQTT__URL=proxy.url, MQTT__PROTOCOL="3.1.1")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=30))
    await settle(broker, 30)
    await save(broker)
    await publish(broker, traffic(devices, uplinks=60)[30:])
    await settle(broker, 60)
    assert await occupied_spaces(broker) == 0
    async with killed_between_two_saves(broker, proxy):
        assert await occupied_spaces(broker) == 30
    await settle(broker, 60)
    assert await occupied_spaces(broker) == 0
    assert "The broker went back to an older state" in daemon.log.read_text()


async def test_a_broker_that_went_back_while_the_gateway_was_away_gets_the_right_states_again(
    daemon: Daemon, unsaved: Broker, settle: Settle, car_park: CarPark
) -> None:
    """Only one space had changed, so that the broker's last save lacks only its state."""
    devices = await car_park(3)
    broker = unsaved
    daemon.configure(MQTT__URL=broker.url)
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=3))
    await settle(broker, 3)
    await save(broker)
    await publish(broker, [(topic_of(devices[0]), up(devices[0], VACANT, at=100, f_cnt=1))])
    await settle(broker, 4)
    assert daemon.terminate() == 0
    broker.kill()
    broker.start()
    assert await occupied_spaces(broker) == 3
    daemon.start_and_wait()
    await settle(broker, 4)
    assert await occupied_spaces(broker) == 2


async def test_a_broker_that_went_back_gets_the_right_announcements_to_home_assistant_again(
    daemon: Daemon, unsaved: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """A space was added since its last save, another one removed, and that of another root stays."""
    await car_park(2)
    broker = unsaved
    async with aiomqtt.Client(LOCALHOST, broker.port) as another:
        await another.publish("homeassistant/device/parking_B_1_01234567/config", b"{}", qos=1, retain=True)
    daemon.configure(MQTT__URL=broker.url, HOME_ASSISTANT__ENABLED="true")
    daemon.start_and_wait()
    await until(partial(are_announced, broker, "A_1", "A_2", "B_1"), "two announcements")
    await save(broker)
    assert daemon.terminate() == 0
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from installation"))
        await connection.execute(sa.text("delete from space where name = 'A-2'"))
        await connection.execute(sa.text("insert into space (zone_id, name) select id, 'A-3' from zone"))
    daemon.start_and_wait()
    await until(partial(are_announced, broker, "A_1", "A_3", "B_1"), "other announcements")
    broker.kill()
    broker.start()
    await until(partial(are_announced, broker, "A_1", "A_3", "B_1"), "the right announcements again")


async def are_announced(broker: Broker, *spaces: str) -> bool:
    """Whether these spaces are announced, and no others."""
    topics = await read_retained(broker.url, "homeassistant/device")
    return sorted(re.findall("._.(?=_[0-9a-f]{8}/)", " ".join(topics))) == list(spaces)


async def test_publications_of_another_gateway_are_published_again_too(
    daemon: Daemon, second_daemon: Daemon, unsaved: Broker, settle: Settle, car_park: CarPark
) -> None:
    """The gateway that published the lost states does not come back; the other gateway compares both markers."""
    devices = await car_park(5)
    broker = unsaved
    for one in (daemon, second_daemon):
        one.configure(MQTT__URL=broker.url)
        one.start_and_wait()
    await publish(broker, traffic(devices, uplinks=5))
    await settle(broker, 5)
    assert second_daemon.terminate() == 0
    await save(broker)
    await publish(broker, traffic(devices, uplinks=10)[5:])
    await settle(broker, 10)
    daemon.kill()
    broker.kill()
    broker.start()
    assert await occupied_spaces(broker) == 5
    second_daemon.start_and_wait()
    await settle(broker, 10)


@pytest.mark.usefixtures("lasting")
async def test_an_ordinary_reconnect_publishes_birth_and_health_and_nothing_else(
    daemon: Daemon, broker: Broker, proxied: Proxied, settle: Settle, car_park: CarPark
) -> None:
    devices = await car_park(30)
    proxy = proxied(broker.port)
    daemon.configure(MQTT__URL=proxy.url)
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=60))
    await settle(broker, 60)
    received = []
    async with aiomqtt.Client(LOCALHOST, broker.port) as dashboard:
        await dashboard.subscribe([(f"{ROOT}/#", 1), ("end", 1)])
        proxy.cut()
        await until(partial(has_connected, daemon, 2), "another connection")
        # The change of a space afterwards shows that the outbox has started and had nothing else to publish. It comes within
        # publication.device_interval, so that the device is not due: the first scan could find it before the space.
        await publish(broker, [(topic_of(devices[6]), up(devices[6], OCCUPIED, at=1, f_cnt=2))])
        async for message in dashboard.messages:
            if not message.retain:
                received.append(message.topic.value.removeprefix(f"{ROOT}/"))
            if received[-1:] == ["spaces/central/level-1/A-7"]:
                break
    ours = [topic for topic in received if topic != "gateways/test/health"]
    assert ours == ["gateways/test", "transitions/central/level-1/A-7", "spaces/central/level-1/A-7"]


async def has_connected(daemon: Daemon, times: int) -> bool:
    return daemon.log.read_text().count("Connected to the broker") >= times


class Backup:
    """A backup of the rows that are published."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def save(self) -> None:
        """Copy the rows."""
        async with self._engine.begin() as connection:
            for table in TABLES:
                await connection.execute(sa.text(f"create table saved_{table} as table {table}"))

    async def restore(self) -> None:
        """Restore the rows, and delete the transitions and uplinks of the time since."""
        async with self._engine.begin() as connection:
            for table in TABLES:
                columns = await connection.scalars(
                    sa.text(
                        f"select column_name from information_schema.columns where table_name = '{table}'"
                        " and is_generated = 'NEVER'"
                    )
                )
                key = {"device": "dev_eui", "gateway": "instance"}.get(table, "id")
                settings = ", ".join(f'"{name}" = old."{name}"' for name in columns if name != key)
                await connection.execute(
                    sa.text(f"update {table} set {settings} from saved_{table} old where old.{key} = {table}.{key}")
                )
            await connection.execute(sa.text("delete from transition where \"to\" = 'FREE'"))
            await connection.execute(sa.text("delete from uplink where f_cnt > 0"))


@pytest.fixture
def backup(engine: AsyncEngine) -> Backup:
    return Backup(engine)


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "while it is away"])
async def test_a_database_that_went_back_is_published(
    daemon: Daemon, broker: Broker, backup: Backup, settle: Settle, car_park: CarPark, *, is_running: bool
) -> None:
    """By the restored rows nothing is due: only the marker shows that the broker has newer states."""
    devices = await car_park(10)
    daemon.configure(PUBLICATION__POLL_INTERVAL="0.5")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=10))
    await settle(broker, 10)
    await backup.save()
    await publish(broker, traffic(devices, uplinks=20)[10:])
    await settle(broker, 20)
    before = await retained_versions(broker)
    if not is_running:
        assert daemon.terminate() == 0
    await backup.restore()
    if not is_running:
        daemon.start_and_wait()
    await settle(broker, 10)
    assert await occupied_spaces(broker) == 10
    await until(
        partial(has_logged, daemon, "The database does not hold the last marker that the broker confirmed"), "a warning"
    )
    after = await retained_versions(broker)
    assert all(after[topic] > before[topic] for topic in before)
    await publish(broker, [(topic_of(devices[0]), up(devices[0], VACANT, at=200, f_cnt=9))])
    await settle(broker, 11)


async def test_killed_between_confirmation_and_its_record_everything_is_published_again(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, settle: Settle, car_park: CarPark
) -> None:
    """A locked row delays the record of the confirmation, while the broker has the state already."""
    devices = await car_park(3)
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=3))
    await settle(broker, 3)
    async with engine.begin() as connection:
        await connection.execute(sa.text("select from gateway for update"))
        await publish(broker, [(topic_of(devices[0]), up(devices[0], VACANT, at=100, f_cnt=1))])
        await until(partial(has_occupied, broker, 2), "the broker has the new state")
        daemon.kill()
    daemon.start_and_wait()
    await settle(broker, 4)
    assert not await has_logged(daemon, "all versions are raised")  # because the database has not gone back


async def has_occupied(broker: Broker, spaces: int) -> bool:
    return await occupied_spaces(broker) == spaces
