"""The will is published when a connection is lost, and not after DISCONNECT. The end of a connection has a reason."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiomqtt
import pytest

from parking_gateway.broker.link import MqttError
from parking_gateway.broker.reasons import SessionTakenOver
from parking_gateway.cli.demo.brokers import Broker
from tests.broker.conftest import Peer, Scripted, Settings
from tests.broker.links import EVENTS, PATIENCE, WILL, link_to, numbered, other, payloads_of, publish, take
from tests.plugins.proxy import Proxied


@asynccontextmanager
async def watched(port: int) -> AsyncIterator[aiomqtt.Client]:
    """A subscriber of the will's topic."""
    async with other(port) as watcher:
        await watcher.subscribe(WILL.topic, qos=1)
        yield watcher


async def next_payload(watcher: aiomqtt.Client) -> object:
    """The next payload on the will's topic."""
    async with asyncio.timeout(PATIENCE):
        return (await anext(watcher.messages)).payload


async def published_until_now(watcher: aiomqtt.Client) -> list[object]:
    """All payloads on the will's topic that were not received yet."""
    await watcher.publish(WILL.topic, b"now", qos=1)
    found = []
    while (payload := await next_payload(watcher)) != b"now":
        found.append(payload)
    return found


async def test_the_will_is_published_when_the_connection_is_cut(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    proxy = proxied(mosquitto.port)
    async with watched(mosquitto.port) as watcher:
        working = asyncio.create_task(_take_for_ever(proxy.url, mqtt, began := asyncio.Event()))
        await began.wait()
        proxy.cut()
        with pytest.raises(MqttError):
            await working
        assert await next_payload(watcher) == b"offline"
    async with watched(mosquitto.port) as newcomer:
        assert await next_payload(newcomer) == b"offline"


async def test_with_mqtt_5_the_will_is_published_a_second_later(scripted: Scripted) -> None:
    """Without a delay, Artemis publishes it only when the session ends. MQTT 3.1.1 has none."""
    connects: list[bytes] = []

    async def converse(peer: Peer) -> None:
        connects.append((await peer.packet())[1])

    for protocol in ("5", "3.1.1"):
        with pytest.raises(MqttError):
            async with link_to(await scripted(converse), protocol=protocol):
                pass
    topic = len(WILL.topic).to_bytes(2, "big") + WILL.topic.encode()
    assert b"\x05\x18\x00\x00\x00\x01" + topic in connects[0]
    assert b"\x18\x00\x00\x00\x01" not in connects[1]


async def test_there_is_no_will_after_a_disconnect(mosquitto: Broker, mqtt: Settings) -> None:
    async with watched(mosquitto.port) as watcher:
        async with link_to(mosquitto.url, **mqtt) as link:
            await link.subscribe(EVENTS)
        assert await published_until_now(watcher) == []


async def test_after_an_error_the_will_is_published(mosquitto: Broker, mqtt: Settings) -> None:
    async with watched(mosquitto.port) as watcher:
        with pytest.raises(ZeroDivisionError):
            async with link_to(mosquitto.url, **mqtt):
                1 / 0  # noqa: B018 - a bug of ours
        assert await next_payload(watcher) == b"offline"


async def test_after_a_cancellation_the_will_is_published(mosquitto: Broker, mqtt: Settings) -> None:
    async with watched(mosquitto.port) as watcher:
        working = asyncio.create_task(_take_for_ever(mosquitto.url, mqtt, began := asyncio.Event()))
        await began.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await next_payload(watcher) == b"offline"


async def _take_for_ever(url: str, mqtt: Settings, began: asyncio.Event) -> None:
    async with link_to(url, **mqtt) as link:
        await link.subscribe(EVENTS)
        began.set()
        async for batch in link.batches(limit=100):
            link.acknowledge(batch)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_nothing_runs_after_the_end_of_a_connection(
    mosquitto: Broker, mqtt: Settings, *, is_cancelled: bool
) -> None:
    """At once, and not some iterations of the event loop later."""
    before = asyncio.all_tasks()
    with suppress(asyncio.CancelledError):
        async with link_to(mosquitto.url, **mqtt) as link:
            await link.subscribe(EVENTS)
            if is_cancelled:
                raise asyncio.CancelledError
    assert asyncio.all_tasks() == before


async def test_a_disconnect_in_a_flood_is_received(mosquitto: Broker, mqtt: Settings) -> None:
    """Ended while messages come in, a connection is reset, and the broker loses what it has not read yet."""
    flood = [b"%d" % number + bytes(10_000) for number in range(500)]
    async with watched(mosquitto.port) as watcher:
        async with link_to(mosquitto.url, **mqtt) as link:
            await link.subscribe(EVENTS)
        await publish(mosquitto.port, flood)
        received: list[bytes] = []
        for _ in range(5):
            async with link_to(mosquitto.url, inbox_limit=10, **mqtt) as link:
                batch = await take(link, 1, limit=100)
                received += payloads_of(batch)
                link.acknowledge(batch)
        assert received == flood[: len(received)]
        assert await published_until_now(watcher) == []


async def test_disconnecting_from_a_silent_broker_is_limited_in_time(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    proxy = proxied(mosquitto.port)
    clock = asyncio.get_running_loop().time
    async with link_to(proxy.url, **(mqtt | {"timeout": 60})) as link:
        await link.subscribe(EVENTS)
        proxy.stall()
        began = clock()
    assert clock() - began < 3


async def test_a_second_client_of_the_same_name_takes_over(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as first:
        waiting = asyncio.create_task(take(first, 1))
        await first.subscribe(EVENTS)
        async with link_to(mosquitto.url, **mqtt) as second:
            with pytest.raises(MqttError, match="The broker closed the connection"):
                await asyncio.wait_for(waiting, PATIENCE)
            with pytest.raises(MqttError, match="The broker closed the connection"):
                await first.publish([WILL])
            assert second.session_present
            await publish(mosquitto.port, numbered(3))
            assert payloads_of(await take(second, 3)) == numbered(3)


async def test_a_broker_may_give_the_reason_for_the_end_of_a_connection(scripted: Scripted) -> None:
    """Mosquitto 2.0.11 does not send "Session taken over"; later versions and other brokers do."""

    async def converse(peer: Peer) -> None:
        await peer.connect()
        await peer.send(b"\xe0\x01\x8e")
        await peer.packet()

    async with link_to(await scripted(converse), protocol="5") as link:
        with pytest.raises(SessionTakenOver, match="The broker ended the connection: Session taken over"):
            await take(link, 1)
