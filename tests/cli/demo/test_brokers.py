"""The brokers of the demo and of the tests: both keep undelivered messages, and with a store Mosquitto keeps them when stopped."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiomqtt
import pytest

from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, BrokerFailed

MORE_THAN_MOSQUITTO_QUEUES_BY_ITSELF = 1500


@pytest.fixture(params=["mosquitto", "amqtt"])
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Each broker in turn, started."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto")
        return
    with brokers.running(tmp_path, [brokers.amqtt]) as broker:
        yield broker


def client(broker: Broker, name: str | None = None, *, protocol: str = "3.1.1") -> aiomqtt.Client:
    if protocol == "5":
        return aiomqtt.Client(
            LOCALHOST, broker.port, identifier=name, protocol=aiomqtt.ProtocolVersion.V5, max_inflight_messages=1000
        )
    return aiomqtt.Client(LOCALHOST, broker.port, identifier=name, clean_session=name is None)


async def subscribe(broker: Broker, name: str) -> None:
    async with client(broker, name) as subscriber:
        await subscriber.subscribe("a/#", qos=1)


async def publish(broker: Broker, count: int) -> None:
    async with client(broker) as publisher:
        for number in range(count):
            await publisher.publish(f"a/{number}", b"", qos=1)


async def receive(broker: Broker, name: str, count: int) -> set[str]:
    topics: set[str] = set()
    async with client(broker, name) as subscriber:
        async for message in subscriber.messages:
            topics.add(str(message.topic))
            if len(topics) == count:
                break
    return topics


async def test_messages_for_an_absent_subscriber_are_kept(each: Broker) -> None:
    await subscribe(each, "absent")
    await publish(each, 3)
    assert await receive(each, "absent", 3) == {"a/0", "a/1", "a/2"}


async def test_it_supports_its_protocols(each: Broker) -> None:
    for protocol in each.protocols:
        async with client(each, protocol=protocol) as publisher:
            await publisher.publish("a/1", b"", qos=1)


async def test_it_starts_again_on_its_port_after_it_was_killed(each: Broker) -> None:
    url = each.url
    each.kill()
    each.start()
    assert each.url == url
    await publish(each, 1)


async def test_a_client_receives_its_own_subscriptions_and_nothing_of_others(each: Broker) -> None:
    """With many clients at once, and another one that has subscribed to all retained messages."""
    async with client(each) as publisher, client(each) as listener:
        for number in range(100):
            await publisher.publish(f"retained/{number}", b"1", qos=1, retain=True)
        await listener.subscribe("retained/#", qos=1)

        async def come_and_go(number: int) -> list[str]:
            async with client(each) as one:
                await one.subscribe(end := f"own/{number}", qos=1)
                await one.publish(end, b"", qos=1)
                return [str(message.topic) async for message in until_topic(one, end)]

        received = await asyncio.gather(*map(come_and_go, range(20)))
    assert received == [[f"own/{number}"] for number in range(20)]


async def until_topic(one: aiomqtt.Client, end: str) -> AsyncIterator[aiomqtt.Message]:
    async for message in one.messages:
        yield message
        if str(message.topic) == end:
            return


async def test_mosquitto_with_a_store_keeps_everything_while_it_is_stopped(mosquitto: Broker) -> None:
    await subscribe(mosquitto, "absent")
    await publish(mosquitto, MORE_THAN_MOSQUITTO_QUEUES_BY_ITSELF)
    mosquitto.stop()
    mosquitto.start()
    received = await receive(mosquitto, "absent", MORE_THAN_MOSQUITTO_QUEUES_BY_ITSELF)
    assert len(received) == MORE_THAN_MOSQUITTO_QUEUES_BY_ITSELF


async def test_a_test_gets_the_best_broker_and_every_protocol_of_it(broker: Broker, protocol: str) -> None:
    assert protocol in broker.protocols
    async with client(broker, protocol=protocol) as publisher:
        await publisher.publish("a/1", b"", qos=1)


def test_without_a_broker_the_message_names_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BrokerFailed, match=r"apt install mosquitto"), brokers.running(tmp_path, []):
        pytest.fail("There is no broker to run.")


def test_a_broker_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    broken = Broker(
        (sys.executable, "-c", "raise SystemExit('I cannot')"),
        name="Broken 1.0",
        protocols=(),
        port=brokers.free_port(),
        log=tmp_path / "log",
    )
    with pytest.raises(BrokerFailed, match=r"Broken 1\.0 ended at once: I cannot"):
        broken.start()
