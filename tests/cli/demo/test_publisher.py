"""The ledger has every uplink that was sent, and counts as confirmed only those that the broker confirmed."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
import pytest
from aiomqtt import MqttError

from parking_gateway.cli.demo import car_park, fleet, publisher
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.ledger import Ledger


def some_events(count: int) -> list[TimedEvent]:
    return list(islice(fleet.events(car_park.build_sensors(20), start=datetime.now(UTC), seed=1), count))


async def test_confirmed_uplinks_are_in_the_ledger(broker: Broker) -> None:
    ledger, events = Ledger(), some_events(50)
    async with publisher.connected_client(broker.url) as client:
        await publisher.send(client, events, ledger)
    assert ledger.uplinks + ledger.duplicates == 50
    assert ledger.confirmed.keys() == ledger.sent.keys()


async def test_an_uplink_without_a_confirmation_is_sent_and_not_confirmed(broker: Broker) -> None:
    ledger, (first, second) = Ledger(), some_events(2)
    with pytest.RaisesGroup(MqttError, flatten_subgroups=True, allow_unwrapped=True):
        async with publisher.connected_client(broker.url) as client:
            await publisher.send(client, [first], ledger)
            client.timeout = 0.5
            broker.kill()
            await publisher.send(client, [second], ledger)
    assert set(ledger.confirmed) == {first.uplink.deduplication_id}
    assert set(ledger.sent) == {first.uplink.deduplication_id, second.uplink.deduplication_id}


async def test_a_broker_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server((LOCALHOST, 0)) as deaf, pytest.raises(MqttError, match="timed out"):
        async with publisher.connected_client(f"mqtt://{LOCALHOST}:{deaf.getsockname()[1]}", within=0.2):
            pass


async def test_events_are_sent_when_their_time_has_come_and_not_before(broker: Broker) -> None:
    ledger, stop, (first, second, third) = Ledger(), asyncio.Event(), some_events(3)
    tomorrow = msgspec.structs.replace(third, at=datetime.now(UTC) + timedelta(days=1))
    async with publisher.connected_client(broker.url) as subscriber, publisher.connected_client(broker.url) as client:
        await subscriber.subscribe("application/#", qos=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publisher.publish_when_due(client, iter([first, second, tomorrow]), ledger, stop=stop))
            received = [str((await anext(subscriber.messages)).topic) for _ in range(2)]
            stop.set()
    assert received == [first.topic, second.topic]
    assert set(ledger.confirmed) == {first.uplink.deduplication_id, second.uplink.deduplication_id}


async def test_a_cancellation_at_the_same_time_as_the_answer_of_the_broker_cancels(broker: Broker) -> None:
    async with publisher.connected_client(broker.url) as client:
        subscribing = asyncio.create_task(client.subscribe("a", qos=1))

        def answer(*subscribed: Any) -> None:
            client._on_subscribe(*subscribed)
            subscribing.cancel()

        client._client.on_subscribe = answer
        await asyncio.wait([subscribing])
    assert subscribing.cancelled()
