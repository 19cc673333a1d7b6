"""The broker's session has the configured subscription, and no other."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.events import up
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import delete_store, has_logged, has_uplinks, publish, until, value

RECEIVED = 'parking_gateway_messages_received_total{event="up"}'
OLD, NEW = "application", "renamed"


def uplink_on(device: str, number: int, *, under: str) -> tuple[str, bytes]:
    return f"{under}/x/device/{device}/event/up", up(device, at=number, f_cnt=number)


async def waiting_topics(broker: Broker, client_id: str, protocol: str) -> list[str]:
    """The topics of the messages that wait in a session. Takes the session over for a moment, and changes nothing in it."""
    settings: dict[str, Any] = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": False}
    if protocol == "5":
        settings = {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False}
    found: list[str] = []
    async with aiomqtt.Client(LOCALHOST, broker.port, identifier=client_id, **settings) as session:
        await session.subscribe("end", qos=1)
        await session.publish("end", b"", qos=1)
        async for message in session.messages:
            if message.topic.value == "end":
                return found
            found.append(message.topic.value)
    raise AssertionError


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_subscription_of_an_earlier_configuration_is_ended(
    daemon: Daemon, verbose: Broker, engine: AsyncEngine, car_park: CarPark, protocol: str
) -> None:
    """No message comes from the old topic any more, also not to the session of a stopped gateway."""
    (device,) = await car_park(1)
    daemon.configure(MQTT__URL=verbose.url, MQTT__PROTOCOL=protocol, CHIRPSTACK__TOPIC=f"{OLD}/+/device/+/event/+")
    daemon.start_and_wait()
    await publish(verbose, [uplink_on(device, 1, under=OLD)])
    await until(partial(has_uplinks, engine, 1), "an uplink on the old topic")
    assert daemon.terminate() == 0
    daemon.configure(CHIRPSTACK__TOPIC=f"{NEW}/+/device/+/event/+")
    daemon.start_and_wait()
    await publish(verbose, [uplink_on(device, 2, under=OLD), uplink_on(device, 3, under=NEW)])
    await until(partial(has_uplinks, engine, 2), "an uplink on the new topic")
    assert await value(engine, "select f_cnt from uplink order by f_cnt desc limit 1") == 3
    assert daemon.terminate() == 0
    await publish(verbose, [uplink_on(device, 4, under=OLD), uplink_on(device, 5, under=NEW)])
    assert await waiting_topics(verbose, "parking-gateway-test", protocol) == [f"{NEW}/x/device/{device}/event/up"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("groups", [("", "one"), ("one", ""), ("one", "two")], ids=["shared", "alone", "another group"])
async def test_events_come_once_after_the_group_was_changed(
    daemon: Daemon,
    verbose: Broker,
    engine: AsyncEngine,
    car_park: CarPark,
    groups: tuple[str, str],
    protocol: str,
) -> None:
    """Each event reaches the session over one subscription."""
    (device,) = await car_park(1)
    daemon.serve_pages()
    daemon.configure(MQTT__URL=verbose.url, MQTT__PROTOCOL=protocol, MQTT__SHARED_GROUP=groups[0])
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    daemon.configure(MQTT__SHARED_GROUP=groups[1])
    daemon.start_and_wait()
    await publish(verbose, [uplink_on(device, number, under=OLD) for number in range(20)])
    await until(partial(has_uplinks, engine, 20), "20 uplinks")
    await until(partial(has_counted, daemon, 20), "20 received messages")
    assert daemon.metric(RECEIVED) == 20
    assert daemon.metric("parking_gateway_duplicates_total") == 0


async def test_a_subscription_that_is_not_in_the_database_is_ended_too(
    daemon: Daemon, verbose: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """An earlier version subscribed without a group, and did not record it."""
    (device,) = await car_park(1)
    async with aiomqtt.Client(
        LOCALHOST, verbose.port, identifier="parking-gateway-test", clean_session=False
    ) as earlier:
        await earlier.subscribe(f"{OLD}/+/device/+/event/+", qos=1)
    daemon.serve_pages()
    daemon.configure(MQTT__URL=verbose.url, MQTT__PROTOCOL="3.1.1", MQTT__SHARED_GROUP="group")
    daemon.start_and_wait()
    await publish(verbose, [uplink_on(device, number, under=OLD) for number in range(20)])
    await until(partial(has_uplinks, engine, 20), "20 uplinks")
    assert daemon.metric("parking_gateway_duplicates_total") == 0


@pytest.fixture
def verbose(configured: Configured) -> Broker:
    """A Mosquitto that logs every packet."""
    return configured("log_type all\n")


async def test_the_new_subscription_comes_before_the_end_of_the_old_one(
    daemon: Daemon, verbose: Broker, tmp_path: Path
) -> None:
    """So that no event is lost between the two."""
    daemon.configure(MQTT__URL=verbose.url, CHIRPSTACK__TOPIC="old/+/event/+")
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    daemon.configure(CHIRPSTACK__TOPIC="new/+/event/+")
    daemon.start_and_wait()
    packets = re.findall(
        r"Received (?:UN)?SUBSCRIBE from parking-gateway-test\n(?:\S+ )?\s*(\S+)",
        re.sub(r"(?m)^\d+: ", "", (tmp_path / "mosquitto.log").read_text()),
    )
    requests = "parking/v1/request/#"
    assert packets == ["old/+/event/+", requests, "new/+/event/+", requests, "old/+/event/+"]


async def has_counted(daemon: Daemon, messages: int) -> bool:
    """Whether this number is counted, which is a moment after the commit."""
    return daemon.metric(RECEIVED) >= messages


@pytest.mark.usefixtures("lasting")
async def test_a_session_that_was_lost_while_the_gateway_was_away_is_noticed(
    daemon: Daemon, broker: Broker, tmp_path: Path
) -> None:
    """The database has recorded that there was a session."""
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    broker.kill()
    delete_store(tmp_path)
    broker.start()
    daemon.start_and_wait()
    await until(partial(has_logged, daemon, "The broker has lost our session"), "a warning")
