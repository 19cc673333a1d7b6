"""A batch holds the messages that have come, up to its limit, and the inbox is bounded."""

import asyncio

import aiomqtt
import msgspec
import pytest
from paho.mqtt.packettypes import PacketTypes

from parking_gateway.broker.inbox import BATCH_BYTES, Inbox
from parking_gateway.broker.link import ROOM_BYTES, Link, MqttError
from parking_gateway.broker.message import Message, Whole
from parking_gateway.broker.properties import for_paho
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.contract.publication import NO_PROPERTIES, MessageProperties, Publication
from parking_gateway.store.rejections import digest_of
from tests.broker.conftest import PacketLog, Peer, Scripted, Settings
from tests.broker.links import (
    EVENTS,
    LOST,
    PATIENCE,
    link_to,
    link_with,
    numbered,
    other,
    payloads_of,
    publish,
    take,
    until,
)
from tests.plugins.broker import Configured
from tests.plugins.proxy import Proxied


async def test_a_batch_never_waits_for_more_than_has_come(mosquitto: Broker, mqtt: Settings) -> None:
    """A limit above what the broker sends without an acknowledgement would otherwise wait for ever."""
    async with link_to(mosquitto.url, **mqtt, receive_maximum=5) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(100))
        received: list[Message] = []
        async with asyncio.timeout(PATIENCE):
            async for batch in link.batches(limit=1000):
                assert batch
                received += batch
                link.acknowledge(batch)
                if len(received) == 100:
                    break
        assert payloads_of(received) == numbered(100)


async def test_a_batch_is_never_longer_than_its_limit(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(100))
        sizes: list[int] = []
        async with asyncio.timeout(PATIENCE):
            async for batch in link.batches(limit=7):
                sizes.append(len(batch))
                link.acknowledge(batch)
                if sum(sizes) == 100:
                    break
        assert max(sizes) <= 7


async def test_a_large_batch_means_a_backlog_and_a_small_one_does_not(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(1))
        async with asyncio.timeout(PATIENCE):
            async for batch in link.batches(limit=8):
                link.acknowledge(batch)
                break
            assert link.seconds_behind <= 0
            await publish(mosquitto.port, numbered(100))
            async for batch in link.batches(limit=8):
                link.acknowledge(batch)
                if len(batch) > 1:
                    break
            assert 0 < link.seconds_behind <= 10


@pytest.mark.parametrize("maximum", [1, 20, 50])
async def test_no_more_than_the_receive_maximum_is_under_way(
    configured: Configured, packet_log: PacketLog, maximum: int
) -> None:
    """Until the first acknowledgement: from then on Mosquitto 2.0.11 sends more than it may."""
    broker = configured("log_type all\n")
    async with link_to(broker.url, protocol="5", receive_maximum=maximum) as link:
        await link.subscribe(EVENTS)
        await publish(broker.port, numbered(200))
        assert packet_log.lines(r"Sending PUBLISH to gateway \(d0, q1, r0, m(\d+)") == [
            str(mid) for mid in range(1, maximum + 1)
        ]
        assert payloads_of(await take(link, maximum)) == numbered(maximum)
        assert link.waiting == 0


_READ_AT_ONCE = 262_144
_FULL_BYTES = 50_000
"""Of a Mosquitto that has 20 messages of 40 kB under way."""
_LARGE = [b"%d" % number + bytes(40_000) for number in range(100)]


async def test_the_inbox_is_bounded_whatever_the_broker_sends(mosquitto: Broker, mqtt: Settings) -> None:
    """MQTT 3.1.1 has no other bound. Dropped messages come again over the next connection, in their order."""
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
    await publish(mosquitto.port, _LARGE)
    received: list[bytes] = []
    connections = most = 0
    async with asyncio.timeout(PATIENCE):
        while len(received) < len(_LARGE):
            connections += 1
            inbox = Inbox(1000, limit_bytes=_FULL_BYTES)
            async with link_with(inbox, mosquitto.url, **mqtt) as link:
                await link.subscribe(EVENTS)  # the answer comes behind what the broker sends at once
                async for batch in link.batches(limit=3):
                    most = max(most, sum(map(len, payloads_of(batch))) + inbox.size)
                    received += payloads_of(batch)
                    link.acknowledge(batch)
                    if len(received) == len(_LARGE):
                        break
                else:
                    with pytest.raises(MqttError, match="sent more at once than is kept"):
                        link.refill()
    assert received == _LARGE
    assert connections > 1
    assert most <= _FULL_BYTES + _READ_AT_ONCE


async def test_little_is_read_ahead_while_messages_are_taken(mosquitto: Broker) -> None:
    """A broker without a limit sends 16 MB at once. Taken message by message, at most 4 MB of it are in memory."""
    payloads = [bytes(40_000)] * 400
    async with link_to(mosquitto.url, protocol="3.1.1") as link:
        await link.subscribe(EVENTS)
    await publish(mosquitto.port, payloads)
    taken = most = 0
    inbox = Inbox(1000)
    async with asyncio.timeout(PATIENCE), link_with(inbox, mosquitto.url, protocol="3.1.1") as link:
        async for batch in link.batches(limit=2):
            most = max(most, inbox.size)
            taken += len(batch)
            link.acknowledge(batch)
            if taken == len(payloads):
                break
            await asyncio.sleep(0)
    assert most < 4_000_000


async def test_answers_are_received_although_the_inbox_is_full(
    configured: Configured, packet_log: PacketLog, mqtt: Settings
) -> None:
    """As while the database is away. The answers to pings and publications come behind messages that are not taken."""
    broker = configured("log_type all\n")
    inbox = Inbox(1000, limit_bytes=_FULL_BYTES)
    async with link_with(inbox, broker.url, **mqtt, keepalive=1, timeout=1) as link:
        await link.subscribe(EVENTS)
        await publish(broker.port, _LARGE)
        await until(lambda: inbox.is_closed)
        await link.publish([Publication(topic="parking/a", payload=b"state", retain=True)])
        await packet_log.contains(
            "Received PINGREQ from gateway", times=2
        )  # the second one follows the answer to the first
        await link.publish([Publication(topic="parking/a", payload=b"state", retain=True)])


async def test_answers_are_received_after_receiving_was_stopped(mosquitto: Broker, mqtt: Settings) -> None:
    """Messages that came meanwhile stay with the broker."""
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        link.stop_receiving()
        await publish(mosquitto.port, _LARGE)
        await link.publish([Publication(topic="parking/a", payload=b"state", retain=True)])
        assert link.waiting == 0
    async with link_to(mosquitto.url, **mqtt) as link:
        received: list[Message] = []
        async for batch in link.batches(limit=1000):
            received += batch
            link.acknowledge(batch)
            if len(received) == len(_LARGE):
                break
        assert payloads_of(received) == _LARGE


async def test_a_batch_is_bounded_by_bytes(mosquitto: Broker, mqtt: Settings) -> None:
    """All of a batch is in memory at once. One message is always taken."""
    sent = [b"%d" % number + bytes(700_000) for number in range(7)] + [bytes(5_000_000)]
    async with link_to(mosquitto.url, **mqtt, payload_limit=10_000_000) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, sent)
        await until(lambda: link.waiting == len(sent))
        batches: list[list[bytes]] = []
        async for batch in link.batches(limit=1000):
            batches.append(payloads_of(batch))
            if not link.waiting:
                break
        assert [payload for batch in batches for payload in batch] == sent
        assert all(sum(map(len, batch)) <= BATCH_BYTES for batch in batches[:-1])
        assert batches[-1] == [bytes(5_000_000)]


@pytest.mark.parametrize("qos", [0, 1])
async def test_properties_are_received_in_mqtt_5(mosquitto: Broker, mqtt: Settings, qos: int) -> None:
    sent = MessageProperties(
        response_topic="replies",
        correlation_data=b"\0\1",
        content_type="application/json",
        expiry_seconds=3600,
        user=(("a", "1"), ("a", "2")),
    )
    version = aiomqtt.ProtocolVersion.V5
    async with link_to(mosquitto.url, **mqtt) as link, other(mosquitto.port, protocol=version) as requester:
        await link.subscribe(EVENTS)
        await requester.publish("events/a", b"1", qos=qos, properties=for_paho(sent, PacketTypes.PUBLISH))
        await requester.publish("events/a", b"2", qos=qos)
        with_properties, without = await take(link, 2)
    assert without.properties is NO_PROPERTIES
    if mqtt["protocol"] == "5":
        left = with_properties.properties.expiry_seconds
        assert left is not None
        assert 3590 <= left <= 3600
        assert msgspec.structs.replace(with_properties.properties, expiry_seconds=3600) == sent
    else:
        assert with_properties.properties is NO_PROPERTIES


async def test_several_filters_are_one_subscription(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe("events/#", "requests/+", "events/up")
        for topic in ("events/down", "requests/a", "others/a", "requests/b"):
            await publish(mosquitto.port, [b""], topic=topic)
        received = await take(link, 3)
        assert [one.topic for one in received] == ["events/down", "requests/a", "requests/b"]
        link.acknowledge(received)
        await link.unsubscribe(["events/#", "events/up"])
        for topic in ("events/down", "requests/c"):
            await publish(mosquitto.port, [b""], topic=topic)
        assert [one.topic for one in await take(link, 1)] == ["requests/c"]


@pytest.mark.parametrize("qos", [0, 1])
async def test_of_a_payload_that_is_too_large_the_beginning_is_received_and_acknowledged(
    mosquitto: Broker, mqtt: Settings, qos: int
) -> None:
    """A little too large, it is read to its end; much too large, it is cut while it comes, or MQTT 5 keeps it away."""
    sizes = [1_000, 1_001, 1_000_000, *([3_000_000] if mqtt["protocol"] == "3.1.1" else [])]
    sent = [b"%d" % size + bytes(size) for size in sizes]
    async with link_to(mosquitto.url, **mqtt, payload_limit=1_004) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, [*sent, b"last"], qos=qos)
        received = await take(link, len(sent) + 1)
        link.acknowledge(received)
    assert payloads_of(received) == [*(payload[:4096] for payload in sent), b"last"]
    assert [one.whole for one in received] == [
        None,
        *(Whole(len(payload), digest_of("events/up", payload)) for payload in sent[1:]),
        None,
    ]
    async with link_to(mosquitto.url, **mqtt) as link:
        await publish(mosquitto.port, [b"next"])
        assert payloads_of(await take(link, 1)) == [b"next"]


async def test_connect_holds_the_largest_size_of_a_packet(scripted: Scripted) -> None:
    """In MQTT 5, with room for a topic, and for messages that are rejected as too large."""
    connects: list[bytes] = []

    async def converse(peer: Peer) -> None:
        connects.append((await peer.packet())[1])
        await peer.send(b"\x20\x03\x00\x00\x00")
        await peer.packet()

    async with link_to(await scripted(converse), protocol="5", payload_limit=1_000):
        assert b"\x27" + (1_000 + ROOM_BYTES).to_bytes(4, "big") in connects[0]


async def test_before_anybody_takes_messages_they_do_not_hold_up_the_rest(mosquitto: Broker, mqtt: Settings) -> None:
    """Messages of the time while the gateway was away are sent at once. It publishes "online" before it records them."""
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
    await publish(mosquitto.port, numbered(500))
    async with asyncio.timeout(PATIENCE), link_to(mosquitto.url, inbox_limit=10, **mqtt) as link:
        await link.publish([Publication(topic="parking/a", payload=b"online", retain=True)])
        await link.subscribe(EVENTS)
        assert payloads_of(await take(link, 500)) == numbered(500)


@pytest.mark.parametrize("direct", [True, False])
async def test_packets_behind_the_message_that_fills_the_inbox_are_read_too(
    scripted: Scripted, *, direct: bool
) -> None:
    async def converse(peer: Peer) -> None:
        await peer.connect()
        await peer.send(_message(b"a", b"0", mid=1))
        _, body = await peer.packet()
        many = b"".join(_message(b"a", b"%d" % mid, mid=mid) for mid in range(2, 30))
        await peer.send(many + _message(b"a", b"30", mid=0, qos=0) + b"\x90\x04" + body[:2] + b"\x00\x01")
        while (await peer.packet())[0]:
            pass

    async with link_to(await scripted(converse), protocol="5", direct=direct, inbox_limit=10) as link:
        await take(link, 1)
        subscribing = asyncio.create_task(link.subscribe(EVENTS))
        await take(link, 28)
        await asyncio.wait_for(subscribing, PATIENCE)


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_topic_that_is_no_text_does_not_stop_anything(scripted: Scripted, mqtt: Settings, qos: int) -> None:
    """A broker must not let it pass. If one does, the message would come again after every new connection."""
    is_v5 = mqtt["protocol"] == "5"

    async def converse(peer: Peer) -> None:
        await peer.connect()
        await peer.send(_message(b"\xc3\x28", b"bad", mid=1, qos=qos, is_v5=is_v5))
        await peer.send(_message(b"good", b"good", mid=2, is_v5=is_v5))
        while (await peer.packet())[0]:
            pass

    async with link_to(await scripted(converse), **mqtt) as link:
        messages = await take(link, 2)
        assert {message.topic: message.payload for message in messages} == {"\ufffd(": b"bad", "good": b"good"}


def _message(topic: bytes, payload: bytes, *, mid: int, qos: int = 1, is_v5: bool = True) -> bytes:
    head = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if qos else b"") + (b"\0" if is_v5 else b"")
    return bytes([0x30 | qos << 1, len(head + payload)]) + head + payload


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(b"\x30\xff\xff\xff\xff\x01", id="a length without end"),
        pytest.param(b"\x32\x03\x00\x10a", id="a topic longer than its packet"),
        pytest.param(b"\x40\x01\x00", id="half a confirmation"),
        pytest.param(b"\x00\x00", id="no packet at all"),
    ],
)
async def test_nonsense_ends_the_connection_and_nothing_else(
    scripted: Scripted, mqtt: Settings, nonsense: bytes
) -> None:
    async def converse(peer: Peer) -> None:
        await peer.connect()
        await peer.send(nonsense)
        await peer.packet()

    async with link_to(await scripted(converse), **mqtt) as link:
        with pytest.raises(MqttError, match="The connection to the broker was lost: Protocol error"):
            await take(link, 1)


async def test_a_bug_in_a_callback_is_raised_in_the_tasks(
    mosquitto: Broker, mqtt: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop only logs an exception of a callback, and every task would wait for ever."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    inbox = Inbox(1000)
    async with link_with(inbox, mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        monkeypatch.setattr(inbox, "put", fail)
        await publish(mosquitto.port, [b"0"])
        with pytest.raises(ZeroDivisionError):
            await take(link, 1)
        with pytest.raises(ZeroDivisionError):
            await link.publish([Publication(topic="parking/a", payload=b"state", retain=True)])


async def test_acknowledging_as_the_connection_ends_is_harmless(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    """The number of a socket that is closed may be another one's by the time something is to be written."""
    proxy = proxied(mosquitto.port)
    async with link_to(proxy.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, [b"0"])
        messages = await take(link, 1)
        proxy.cut()
        await asyncio.sleep(0)
        link.acknowledge(messages)
        with pytest.raises(MqttError, match=LOST):
            await take(link, 1)


async def test_the_error_of_a_reset_connection_names_the_reset(scripted: Scripted, mqtt: Settings) -> None:
    async def converse(peer: Peer) -> None:
        await peer.connect()
        peer.reset()

    async with link_to(await scripted(converse), **mqtt) as link:
        with pytest.raises(MqttError, match=r"The connection to the broker was lost .*Connection reset by peer"):
            await take(link, 1)


async def test_messages_of_qos_0_beyond_the_limit_are_dropped_and_counted(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, inbox_limit=10, **mqtt) as link, other(mosquitto.port) as publisher:
        await link.subscribe(EVENTS)
        for payload in numbered(25):
            await publisher.publish("events/up", payload, qos=0)
        # Of what comes at once, messages of QoS 1 are taken in before those of QoS 0.
        await until(lambda: link.waiting + link.dropped == 25)
        await publisher.publish("events/up", b"1", qos=1)
        await until(lambda: link.waiting == 11)
        assert payloads_of(await take(link, 11)) == [*numbered(10), b"1"]
        assert link.dropped == 15


async def test_messages_of_qos_1_are_never_dropped(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt, inbox_limit=10) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(200))
        assert payloads_of(await take(link, 200)) == numbered(200)
        assert link.dropped == 0


async def test_losing_the_broker_ends_the_wait_for_messages_at_once(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        waiting = asyncio.create_task(take(link, 1))
        await link.subscribe(EVENTS)
        mosquitto.kill()
        with pytest.raises(MqttError, match=LOST):
            await asyncio.wait_for(waiting, PATIENCE)


async def test_losing_the_broker_between_batches_ends_the_next_wait(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(2))
        batches = link.batches(limit=1)
        await anext(batches)
        mosquitto.kill()
        with pytest.raises(MqttError):
            await asyncio.wait_for(_read_all(link), PATIENCE)


async def _read_all(link: Link) -> None:
    async for _ in link.batches(limit=1000):
        pass


async def test_a_silent_broker_is_noticed_by_keepalive(mosquitto: Broker, mqtt: Settings, proxied: Proxied) -> None:
    proxy = proxied(mosquitto.port)
    async with link_to(proxy.url, **mqtt, keepalive=1) as link:
        await link.subscribe(EVENTS)
        proxy.stall()
        with pytest.raises(MqttError, match="Keep alive"):
            await take(link, 1)


async def test_stopping_ends_the_wait_for_messages(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        reading = asyncio.create_task(_read_all(link))
        await link.subscribe(EVENTS)
        link.stop_receiving()
        await asyncio.wait_for(reading, PATIENCE)


async def test_stopping_before_the_first_batch_gives_none(mosquitto: Broker) -> None:
    async with link_to(mosquitto.url) as link:
        await link.subscribe(EVENTS)
        link.stop_receiving()
        assert [batch async for batch in link.batches(limit=1)] == []


async def test_stopping_during_a_batch_makes_it_the_last(mosquitto: Broker, mqtt: Settings) -> None:
    """Messages that had come already stay with the broker, which sends them again."""
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(10))
        worked_on: list[bytes] = []
        async with asyncio.timeout(PATIENCE):
            async for batch in link.batches(limit=1):
                worked_on += payloads_of(batch)
                link.stop_receiving()
                link.acknowledge(batch)
        assert worked_on == [b"0"]
    async with link_to(mosquitto.url, **mqtt) as link:
        assert payloads_of(await take(link, 9)) == numbered(10)[1:]


async def test_gateways_share_a_subscription(mosquitto: Broker) -> None:
    shared = f"$share/gateways/{EVENTS}"
    async with (
        link_to(mosquitto.url, protocol="5", client_id="one") as one,
        link_to(mosquitto.url, protocol="5", client_id="two") as two,
        other(mosquitto.port) as publisher,
    ):
        await one.subscribe(shared)
        await two.subscribe(shared)
        for payload in numbered(100):
            await publisher.publish("events/up", payload, qos=1)
        await publisher.publish("events/up", b"end", qos=1)
        await until(lambda: one.waiting + two.waiting == 101)
        first, second = [payloads_of(await take(link, 1)) for link in (one, two)]
        assert first
        assert second
        assert sorted(first + second) == sorted([*numbered(100), b"end"])
