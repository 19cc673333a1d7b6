"""The gateway tests shared subscriptions and retained messages by wildcard before it relies on them."""

import asyncio
import json
from functools import partial
from pathlib import Path
from uuid import uuid4

import aiomqtt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT
from tests.broker.conftest import Peer
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_logged, has_refused, has_uplinks, publish, traffic, until


async def delivers(broker: Broker, topic_filter: str, topic: str, *, within: float) -> bool:
    """Whether a message on the topic reaches a subscription."""
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        await client.subscribe(topic_filter, qos=1)
        await client.publish(topic, b"", qos=1)
        try:
            async with asyncio.timeout(within):
                await anext(client.messages)
        except TimeoutError:
            return False
        return True


async def test_a_broker_that_delivers_nothing_to_a_shared_group_is_not_relied_on(
    daemon: Daemon, without_sharing: Broker
) -> None:
    """It grants the subscription and accepts every event, and delivers none of them."""
    assert await delivers(without_sharing, "a/b", "a/b", within=10)
    assert not await delivers(without_sharing, "$share/group/a/b", "a/b", within=0.5)
    daemon.configure(MQTT__URL=without_sharing.url, MQTT__PROTOCOL="3.1.1", MQTT__SHARED_GROUP="group")
    daemon.serve_pages()
    daemon.start()
    await until(partial(has_logged, daemon, "does not deliver to shared subscriptions"), "a complaint")
    await until(partial(has_logged, daemon, "No connection to the broker"), "the end of the attempt")
    assert "Connected to the broker" not in daemon.log.read_text()
    status, page = daemon.page("/readyz")
    assert status == 503
    assert "mqtt.shared_group" in page
    assert "READY=1" not in daemon.notifications
    assert await asyncio.to_thread(daemon.terminate) == 0


async def test_without_the_group_the_same_broker_delivers(
    daemon: Daemon, without_sharing: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(3)
    daemon.configure(MQTT__URL=without_sharing.url, MQTT__PROTOCOL="3.1.1")
    daemon.start_and_wait()
    await publish(without_sharing, traffic(devices, uplinks=3))
    await until(partial(has_uplinks, engine, 3), "3 uplinks")
    assert "shared subscriptions" not in daemon.log.read_text()
    assert daemon.terminate() == 0


async def test_a_broker_that_announces_no_shared_subscriptions_is_not_relied_on(daemon: Daemon) -> None:
    """MQTT 5: Shared Subscription Available is 0 in its CONNACK."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        await peer.packet()
        await peer.send(b"\x20\x05\x00\x00\x02\x2a\x00")
        while (await peer.packet())[0]:
            pass
        writer.close()

    async with await asyncio.start_server(serve, LOCALHOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        daemon.configure(MQTT__URL=f"mqtt://{LOCALHOST}:{port}", MQTT__PROTOCOL="5", MQTT__SHARED_GROUP="group")
        daemon.start()
        await until(partial(has_logged, daemon, "does not deliver to shared subscriptions"), "a complaint")
        assert await asyncio.to_thread(daemon.terminate) == 0


async def test_retained_messages_that_no_wildcard_receives_are_one_warning(
    daemon: Daemon, without_wildcards: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Events are recorded and states are published all the same."""
    devices = await car_park(3)
    daemon.configure(MQTT__URL=without_wildcards.url, MQTT__PROTOCOL="3.1.1")
    daemon.start_and_wait()
    await until(partial(has_logged, daemon, "no retained messages to subscriptions with wildcards"), "a warning")
    await publish(without_wildcards, traffic(devices, uplinks=3))
    await until(partial(has_uplinks, engine, 3), "3 uplinks")
    topic = f"{ROOT}/spaces/central/level-1/A-1"
    await until(partial(retains, without_wildcards, topic, is_state="OCCUPIED"), "the state on its topic")
    assert daemon.log.read_text().count("no retained messages to subscriptions with wildcards") == 1
    assert daemon.terminate() == 0


async def retains(broker: Broker, topic: str, *, is_state: str) -> bool:
    """Whether a new subscriber of the topic receives this state."""
    end = str(uuid4())
    async with aiomqtt.Client(LOCALHOST, broker.port, identifier=end) as client:
        await client.subscribe([(topic, 1), (end, 1)])
        await client.publish(end, b"", qos=1)
        async for message in client.messages:
            if message.topic.value == end:
                return False
            if (
                message.retain
                and message.topic.value == topic
                and json.loads(bytes(message.payload))["state"] == is_state
            ):
                return True
    raise AssertionError


@pytest.mark.parametrize("group", ["", "group"])
async def test_an_acl_that_hides_our_own_messages_is_named_and_stops_nothing(
    daemon: Daemon, configured: Configured, engine: AsyncEngine, car_park: CarPark, tmp_path: Path, group: str
) -> None:
    """The ACL lets the gateway write there and not read."""
    devices = await car_park(3)
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite application/#\ntopic write {ROOT}/#\n")
    acl.chmod(0o644)
    broker = configured(f"acl_file {acl}\n")
    daemon.configure(MQTT__URL=broker.url, MQTT__SHARED_GROUP=group)
    daemon.serve_pages()
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=3))
    await until(partial(has_uplinks, engine, 3), "3 uplinks")
    await until(partial(has_logged, daemon, "its ACL has to let the gateway read"), "a warning")
    assert not await has_refused(daemon, 1)


@pytest.mark.usefixtures("lasting")
async def test_a_broker_with_shared_subscriptions_passes_the_test(daemon: Daemon, broker: Broker) -> None:
    """At every connection, and without a warning."""
    daemon.configure(MQTT__SHARED_GROUP="group")
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    daemon.start_and_wait()
    assert "shared subscriptions" not in daemon.log.read_text()
