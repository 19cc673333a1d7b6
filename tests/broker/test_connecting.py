"""Connecting works with every setting of a broker, fails with a clear reason, and can be cancelled at any point."""

import asyncio
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from parking_gateway.broker.link import MqttError
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from parking_gateway.contract.publication import Publication
from tests.broker.conftest import Listening, PacketLog, Peer, Scripted, Settings, WebSocketBroker
from tests.broker.links import EVENTS, PATIENCE, link_to, payloads_of, take, until
from tests.plugins.broker import Configured, write_passwords
from tests.plugins.proxy import Proxied
from tests.plugins.tls import Certificates

# Versions


async def test_a_broker_with_mqtt_5_is_used_with_mqtt_5(mosquitto: Broker) -> None:
    async with link_to(mosquitto.url, protocol="auto") as link:
        assert link.protocol == "5"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\x20\x02\x00\x01", id="refuses in MQTT 3.1.1"),
        pytest.param(b"\x20\x03\x00\x84\x00", id="refuses in MQTT 5"),
        pytest.param(b"", id="hangs up"),
    ],
)
async def test_a_broker_without_mqtt_5_is_used_with_mqtt_3_at_once(scripted: Scripted, answer: bytes) -> None:
    async def converse(peer: Peer) -> None:
        level = (await peer.packet())[1][6]
        if level == 4:
            await peer.send(b"\x20\x02\x00\x00")
            await peer.packet()
        else:
            await peer.send(answer)

    url = await scripted(converse)
    async with asyncio.timeout(PATIENCE), link_to(url, protocol="auto", timeout=60) as link:
        assert link.protocol == "3.1.1"
    with pytest.raises(MqttError, match=r"does not know this version|gave no answer to MQTT 5"):
        await _works(url, protocol="5")


async def test_a_broker_that_gives_no_answer_to_mqtt_5_is_used_with_mqtt_3(amqtt: Broker) -> None:
    """Amqtt fails on the will in MQTT 5, and sends nothing."""
    async with link_to(amqtt.url, protocol="auto", timeout=0.5) as link:
        assert link.protocol == "3.1.1"
    with pytest.raises(MqttError, match="gave no answer to MQTT 5"):
        await _works(amqtt.url, protocol="5", timeout=0.5)


# No broker, or a silent one


async def test_nobody_listens() -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        async with link_to(f"mqtt://{LOCALHOST}:{free_port()}"):
            pass


async def test_the_name_of_the_host_is_unknown() -> None:
    with pytest.raises(OSError, match=r"[Nn]ame"):
        async with link_to("mqtt://broker.invalid:1883"):
            pass


@pytest.mark.parametrize(
    ("scheme", "complaint"),
    [
        ("mqtt", "gave no answer to MQTT 3.1.1"),
        ("mqtts", "does not answer"),
        ("ws", "does not answer"),
        ("wss", "does not answer"),
    ],
)
async def test_a_silent_broker_is_given_up_after_the_timeout(
    mosquitto: Broker, proxied: Proxied, scheme: str, complaint: str
) -> None:
    proxy = proxied(mosquitto.port)
    proxy.stall()
    began = asyncio.get_running_loop().time()
    with pytest.raises(MqttError, match=re.escape(complaint)):
        await _works(f"{scheme}://{LOCALHOST}:{proxy.port}", protocol="auto", timeout=0.3)
    assert 0.2 < asyncio.get_running_loop().time() - began < PATIENCE / 2


@pytest.mark.parametrize("scheme", ["mqtts", "ws", "wss"])
async def test_the_broker_has_another_protocol(mosquitto: Broker, scheme: str) -> None:
    with pytest.raises((OSError, MqttError), match=r"no TLS on this port|WebSocket|reset"):
        async with link_to(f"{scheme}://{LOCALHOST}:{mosquitto.port}"):
            pass


async def test_the_broker_is_a_web_server(scripted: Scripted, mqtt: Settings) -> None:
    async def converse(peer: Peer) -> None:
        await peer.packet()
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with pytest.raises(MqttError, match="The broker gave no answer to MQTT"):
        await _works(await scripted(converse), **mqtt)


# Credentials, subscriptions and TLS


@pytest.fixture
def guarded(configured: Configured, tmp_path: Path) -> Broker:
    """A Mosquitto that accepts only `gateway` with the password `right`."""
    passwords = tmp_path / "passwords"
    write_passwords(passwords, {"gateway": "right"})
    return configured(f"allow_anonymous false\npassword_file {passwords}\n")


async def test_name_and_password(guarded: Broker, mqtt: Settings) -> None:
    await _works(guarded.url, username="gateway", password="right", **mqtt)
    for wrong in ({}, {"username": "gateway", "password": "wrong"}):
        with pytest.raises(MqttError, match=r"refuses the connection: Not authorized; see mqtt\.username"):
            await _works(guarded.url, **(mqtt | wrong))


async def test_a_broker_that_refuses_us_is_not_asked_again_in_another_version(
    guarded: Broker, packet_log: PacketLog
) -> None:
    with pytest.raises(MqttError, match="Not authorized"):
        await _works(guarded.url, protocol="auto", username="gateway", password="wrong")
    await packet_log.contains("(not authorised)")
    assert len(packet_log.lines("(not authorised)")) == 1


async def test_a_reason_text_of_the_broker_is_quoted(scripted: Scripted) -> None:
    async def converse(peer: Peer) -> None:
        await peer.packet()
        words = b"\x1f\x00\x0bcome at ten"
        await peer.send(bytes([0x20, 3 + len(words), 0, 0x88, len(words)]) + words)

    with pytest.raises(MqttError, match=r"Server unavailable \(come at ten\)"):
        await _works(await scripted(converse), protocol="5")


async def test_a_subscription_is_refused(scripted: Scripted, mqtt: Settings) -> None:
    is_v5 = mqtt["protocol"] == "5"

    async def converse(peer: Peer) -> None:
        await peer.connect()
        _, body = await peer.packet()
        answer = body[:2] + (b"\x00\x87" if is_v5 else b"\x80")
        await peer.send(bytes([0x90, len(answer)]) + answer)
        await peer.packet()

    refusal = "refuses the subscription to events/#: " + ("Not authorized" if is_v5 else "Unspecified error")
    with pytest.raises(MqttError, match=re.escape(refusal)):
        await _works(await scripted(converse), **mqtt)


async def test_a_subscription_that_is_granted_at_qos_0_is_named(scripted: Scripted, mqtt: Settings) -> None:
    async def converse(peer: Peer) -> None:
        await peer.connect()
        _, body = await peer.packet()
        answer = body[:2] + (b"\x00" if mqtt["protocol"] == "5" else b"") + b"\x01\x00"
        await peer.send(bytes([0x90, len(answer)]) + answer)
        await peer.packet()

    async with link_to(await scripted(converse), **mqtt) as link:
        assert await link.subscribe("a", "b") == ["b"]


async def test_a_broker_without_qos_1_refuses_the_will(configured: Configured) -> None:
    """In MQTT 3.1.1 it hangs up without a reason."""
    with pytest.raises(MqttError, match=r"QoS not supported; it has to take QoS 1"):
        await _works(configured("max_qos 0\n").url, protocol="5")


async def test_a_subscription_without_an_answer_ends_with_the_connection(scripted: Scripted, mqtt: Settings) -> None:
    async def converse(peer: Peer) -> None:
        await peer.connect()
        await peer.packet()

    url = await scripted(converse)
    with pytest.raises(MqttError, match="The broker closed the connection"):
        await asyncio.wait_for(_works(url, **mqtt), PATIENCE)


async def test_a_subscription_without_an_answer_is_given_up(scripted: Scripted, mqtt: Settings) -> None:
    async def converse(peer: Peer) -> None:
        await peer.connect()
        while (await peer.packet())[0]:
            pass

    with pytest.raises(MqttError, match="gave no answer to the subscription to events/#"):
        await _works(await scripted(converse), timeout=0.3, **mqtt)


async def _carries_much(url: str, **mqtt: Any) -> None:
    sent = [
        Publication(topic="events/up", payload=b"%d" % number + bytes(10_000), retain=False) for number in range(300)
    ]
    async with link_to(url, **mqtt) as link:
        await link.subscribe(EVENTS)
        publishing = asyncio.create_task(link.publish(sent))
        received = await take(link, len(sent))
        link.acknowledge(received)
        await publishing
        assert payloads_of(received) == [one.payload for one in sent]


async def _works(url: str, **mqtt: Any) -> None:
    async with link_to(url, **mqtt) as link:
        await link.subscribe(EVENTS)


async def test_tls_with_an_authority_of_our_own(secured: Listening, certificates: Certificates, mqtt: Settings) -> None:
    await _works(f"mqtts://{LOCALHOST}:{secured()}", ca_file=certificates.ca, **mqtt)


async def test_tls_carries_much_both_ways(secured: Listening, certificates: Certificates, mqtt: Settings) -> None:
    await _carries_much(f"mqtts://localhost:{secured()}", ca_file=certificates.ca, **mqtt)


# WebSocket


@pytest.mark.parametrize("direct", [True, False])
async def test_websocket(websocket: WebSocketBroker, *, direct: bool) -> None:
    await _carries_much(websocket(), protocol="3.1.1", direct=direct)


@pytest.mark.parametrize("direct", [True, False])
async def test_websocket_over_tls(websocket: WebSocketBroker, certificates: Certificates, *, direct: bool) -> None:
    await _carries_much(websocket(certificates), protocol="3.1.1", direct=direct, ca_file=certificates.ca)


@pytest.mark.parametrize("direct", [True, False])
async def test_a_frame_that_is_written_in_part_is_continued(
    websocket: WebSocketBroker, proxied: Proxied, *, direct: bool
) -> None:
    """More than the buffers of the kernel take, so that a write is broken off in the middle of a frame."""
    proxy = proxied(int(websocket().rpartition(":")[2]))
    sent = [Publication(topic="a", payload=bytes([number]) * 100_000, retain=False) for number in range(100)]
    async with link_to(f"ws://{LOCALHOST}:{proxy.port}", protocol="3.1.1", direct=direct) as link:
        await link.subscribe("a")
        proxy.stall()
        publishing = asyncio.create_task(link.publish(sent))
        await asyncio.wait([publishing], timeout=0.5)
        proxy.resume()
        received = await take(link, len(sent))
        link.acknowledge(received)
        await publishing
        assert payloads_of(received) == [one.payload for one in sent]


@pytest.mark.parametrize("direct", [True, False])
async def test_a_large_packet_is_cut_in_a_websocket_too(websocket: WebSocketBroker, *, direct: bool) -> None:
    sent = [bytes([number]) * 3_000_000 for number in range(3)] + [b"last"]
    async with link_to(websocket(), protocol="3.1.1", direct=direct, payload_limit=1_000) as link:
        await link.subscribe("a")
        await link.publish([Publication(topic="a", payload=payload, retain=False) for payload in sent])
        received = await take(link, len(sent))
        link.acknowledge(received)
    assert payloads_of(received) == [payload[:4096] for payload in sent]
    assert [one.whole and one.whole.length for one in received] == [3_000_000] * 3 + [None]


# Cancellation


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws", "wss"])
async def test_connecting_is_cancelled_while_the_broker_is_silent(
    mosquitto: Broker, proxied: Proxied, scheme: str
) -> None:
    proxy = proxied(mosquitto.port)
    proxy.stall()
    connecting = asyncio.create_task(_works(f"{scheme}://{LOCALHOST}:{proxy.port}"))
    await until(lambda: proxy.connections == 1)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(connecting, PATIENCE)


async def test_connecting_is_cancelled_at_any_step(mosquitto: Broker) -> None:
    await _cancelled_at_any_step(mosquitto.url, protocol="5")


async def test_connecting_over_tls_is_cancelled_at_any_step(secured: Listening, certificates: Certificates) -> None:
    await _cancelled_at_any_step(f"mqtts://{LOCALHOST}:{secured()}", ca_file=certificates.ca)


async def test_connecting_over_websocket_is_cancelled_at_any_step(websocket: WebSocketBroker) -> None:
    await _cancelled_at_any_step(websocket(), protocol="3.1.1")


async def _cancelled_at_any_step(url: str, **mqtt: Any) -> None:
    """Cancel after so many turns of the event loop, until it is through. Many pass while a thread shakes hands."""
    for turns in chain(range(50), (2**n for n in range(6, 20))):
        working = asyncio.create_task(_works(url, **mqtt))
        for _ in range(turns):
            await asyncio.sleep(0)
        if working.done():
            return await working
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(working, PATIENCE)
    return None
