"""The will tells the world that we are gone without a word; who says goodbye has none. And nobody is thrown out unheard."""

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

Said = AsyncIterator[bytes]


@asynccontextmanager
async def watched(port: int) -> AsyncIterator[aiomqtt.Client]:
    """Somebody who looks at the will's topic."""
    async with other(port) as watcher:
        await watcher.subscribe(WILL.topic, qos=1)
        yield watcher


async def next_word(watcher: aiomqtt.Client) -> object:
    """What is said next on the will's topic."""
    async with asyncio.timeout(PATIENCE):
        return (await anext(watcher.messages)).payload


async def said_until_now(watcher: aiomqtt.Client) -> list[object]:
    """Everything that was said on the will's topic and not heard yet."""
    await watcher.publish(WILL.topic, b"now", qos=1)
    words = []
    while (word := await next_word(watcher)) != b"now":
        words.append(word)
    return words


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
        assert await next_word(watcher) == b"offline"
    async with watched(mosquitto.port) as newcomer:
        assert await next_word(newcomer) == b"offline"


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


async def test_there_is_no_will_after_a_goodbye(mosquitto: Broker, mqtt: Settings) -> None:
    async with watched(mosquitto.port) as watcher:
        async with link_to(mosquitto.url, **mqtt) as link:
            await link.subscribe(EVENTS)
        assert await said_until_now(watcher) == []


async def test_whoever_leaves_by_an_error_leaves_the_will(mosquitto: Broker, mqtt: Settings) -> None:
    async with watched(mosquitto.port) as watcher:
        with pytest.raises(ZeroDivisionError):
            async with link_to(mosquitto.url, **mqtt):
                1 / 0  # noqa: B018 - a bug of ours
        assert await next_word(watcher) == b"offline"


async def test_whoever_is_cancelled_leaves_the_will(mosquitto: Broker, mqtt: Settings) -> None:
    async with watched(mosquitto.port) as watcher:
        working = asyncio.create_task(_take_for_ever(mosquitto.url, mqtt, began := asyncio.Event()))
        await began.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await next_word(watcher) == b"offline"


async def _take_for_ever(url: str, mqtt: Settings, began: asyncio.Event) -> None:
    async with link_to(url, **mqtt) as link:
        await link.subscribe(EVENTS)
        began.set()
        async for batch in link.batches(limit=100):
            link.acknowledge(batch)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_who_has_left_has_nothing_running_any_more(
    mosquitto: Broker, mqtt: Settings, *, is_cancelled: bool
) -> None:
    """At once, and not some turns of the event loop later."""
    before = asyncio.all_tasks()
    with suppress(asyncio.CancelledError):
        async with link_to(mosquitto.url, **mqtt) as link:
            await link.subscribe(EVENTS)
            if is_cancelled:
                raise asyncio.CancelledError
    assert asyncio.all_tasks() == before


async def test_a_goodbye_in_a_flood_is_heard(mosquitto: Broker, mqtt: Settings) -> None:
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
        assert await said_until_now(watcher) == []


async def test_a_goodbye_to_a_silent_broker_takes_no_longer_than_a_farewell(
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


async def test_a_broker_may_say_why_it_throws_us_out(scripted: Scripted) -> None:
    """Mosquitto 2.0.11 does not say that the session is taken over; later ones and others do."""

    async def converse(peer: Peer) -> None:
        await peer.connect()
        await peer.send(b"\xe0\x01\x8e")
        await peer.packet()

    async with link_to(await scripted(converse), protocol="5") as link:
        with pytest.raises(SessionTakenOver, match="The broker ended the connection: Session taken over"):
            await take(link, 1)
