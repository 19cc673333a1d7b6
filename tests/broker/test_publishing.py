"""Publishing returns when the broker has confirmed everything, and returns or raises what went wrong."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiomqtt
import pytest

from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.properties import of_paho
from parking_gateway.broker.reasons import Refusal
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.contract.publication import NO_PROPERTIES, MessageProperties, Publication
from tests.broker.conftest import Peer, Scripted, Settings
from tests.broker.links import CLIENT_ID, EVENTS, LOST, PATIENCE, link_to, other, publish, until
from tests.plugins.broker import Configured
from tests.plugins.proxy import Proxied

# With `max_queued_messages 0`, Mosquitto 2.0.11 disconnects whose publication it refuses.
ACL = "max_queued_messages 1000000\nacl_file {acl}\n"


def spaces(count: int) -> list[Publication]:
    return [
        Publication(topic=f"parking/v1/spaces/central/level-1/a-{number}", payload=b"%d" % number, retain=True)
        for number in range(count)
    ]


async def retained(port: int, count: int) -> dict[str, bytes]:
    """Retained payloads as a new subscriber receives them, of so many topics."""
    found: dict[str, bytes] = {}
    async with other(port) as client, asyncio.timeout(PATIENCE):
        await client.subscribe("parking/#", qos=1)
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            found[message.topic.value] = message.payload
            if len(found) == count:
                break
    return found


def as_topics(publications: Sequence[Publication]) -> dict[str, bytes]:
    return {one.topic: one.payload for one in publications}


async def test_thousands_at_once_are_confirmed_and_retained(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.publish(spaces(5000))
        assert await retained(mosquitto.port, 5000) == as_topics(spaces(5000))


async def test_nothing_to_publish_is_nothing_to_wait_for(mosquitto: Broker) -> None:
    async with link_to(mosquitto.url) as link:
        await link.publish([])


async def test_a_publication_without_retain_reaches_subscribers_and_is_not_kept(
    mosquitto: Broker, mqtt: Settings
) -> None:
    step = Publication(topic="parking/v1/transitions/a", payload=b"step", retain=False)
    async with link_to(mosquitto.url, **mqtt) as link, other(mosquitto.port) as watcher:
        await watcher.subscribe("parking/#", qos=1)
        await link.publish([step, *spaces(1)])
        async with asyncio.timeout(PATIENCE):
            assert [(await anext(watcher.messages)).payload for _ in range(2)] == [b"step", b"0"]
        assert await retained(mosquitto.port, 1) == as_topics(spaces(1))


async def test_properties_are_published_in_mqtt_5_and_left_out_in_3(mosquitto: Broker, mqtt: Settings) -> None:
    properties = MessageProperties(
        response_topic="replies", correlation_data=b"\0\1", content_type="text/plain", user=(("a", "1"), ("a", "2"))
    )
    reply = Publication(topic="parking/v1/response/a", payload=b"reply", retain=False, properties=properties)
    timed = Publication(
        topic="parking/a", payload=b"timed", retain=True, properties=MessageProperties(expiry_seconds=60)
    )
    version = aiomqtt.ProtocolVersion.V5
    async with link_to(mosquitto.url, **mqtt) as link, other(mosquitto.port, protocol=version) as watcher:
        await watcher.subscribe("parking/#", qos=1)
        assert await link.publish([reply, timed, *spaces(1)]) == []
        async with asyncio.timeout(PATIENCE):
            received = [await anext(watcher.messages) for _ in range(3)]
    assert [one.payload for one in received] == [b"reply", b"timed", b"0"]
    kept = [of_paho(one.properties) for one in received]
    if mqtt["protocol"] == "5":
        assert kept == [properties, timed.properties, NO_PROPERTIES]
    else:
        assert kept == [NO_PROPERTIES] * 3


async def test_two_tasks_publish_at_the_same_time(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt, window=10) as link:
        await asyncio.gather(link.publish(spaces(100)), link.publish(spaces(150)[100:]))
        assert await retained(mosquitto.port, 150) == as_topics(spaces(150))


async def test_the_last_publication_on_a_topic_is_retained(mosquitto: Broker, mqtt: Settings) -> None:
    publications = [Publication(topic="parking/a", payload=b"%d" % number, retain=True) for number in range(500)]
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.publish(publications)
        assert await retained(mosquitto.port, 1) == {"parking/a": b"499"}


class Sparing:
    """A broker that accepts `maximum` publications at a time, and answers only when as many as it accepts have come."""

    def __init__(self, maximum: int, *, reason: bytes = b"") -> None:
        self._maximum = maximum
        self.reason = reason
        self.most = 0
        """So many came without an answer to any of them."""

    async def converse(self, peer: Peer) -> None:
        """Until it hangs up."""
        await peer.packet()
        await peer.send(b"\x20\x06\x00\x00\x03\x21" + self._maximum.to_bytes(2, "big"))
        waiting: list[bytes] = []
        while True:
            try:
                async with asyncio.timeout(0.1):
                    first, body = await peer.packet()
            except TimeoutError:
                # No more publications come, so all are answered.
                for answer in waiting:
                    await peer.send(bytes([0x40, len(answer)]) + answer)
                waiting.clear()
                continue
            if first & 0xF0 != 0x30:
                return
            topic = int.from_bytes(body[:2], "big")
            waiting.append(body[2 + topic : 4 + topic] + self.reason)
            self.most = max(self.most, len(waiting))


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("maximum", [1, 10])
async def test_no_more_is_under_way_than_the_broker_accepts(scripted: Scripted, maximum: int, *, direct: bool) -> None:
    broker = Sparing(maximum)
    async with link_to(await scripted(broker.converse), protocol="5", direct=direct, window=1000) as link:
        await asyncio.gather(link.publish(spaces(2 * maximum)), link.publish(spaces(maximum)))
    assert broker.most == maximum


@pytest.mark.parametrize("direct", [True, False])
async def test_cancelled_publications_count_against_the_limit_of_the_broker(
    scripted: Scripted, *, direct: bool
) -> None:
    broker = Sparing(10)
    async with link_to(await scripted(broker.converse), protocol="5", direct=direct, window=1000) as link:
        publishing = asyncio.create_task(link.publish(spaces(10)))
        await until(lambda: broker.most > 0)
        publishing.cancel()
        await asyncio.wait([publishing])
        await link.publish(spaces(10))
    assert broker.most == 10


async def test_refusals_of_cancelled_publications_are_dropped(scripted: Scripted) -> None:
    broker = Sparing(10, reason=b"\x97")
    async with link_to(await scripted(broker.converse), protocol="5") as link:
        publishing = asyncio.create_task(link.publish(spaces(10)))
        await until(lambda: broker.most > 0)
        publishing.cancel()
        await asyncio.wait([publishing])
        broker.reason = b""
        await link.publish(spaces(10))


@pytest.mark.parametrize("direct", [True, False])
async def test_a_broker_that_is_slow_but_not_silent_is_waited_for(scripted: Scripted, *, direct: bool) -> None:
    """Here a window takes five times as long as a broker may be silent."""
    broker = Sparing(1)
    async with link_to(await scripted(broker.converse), protocol="5", direct=direct, timeout=0.3) as link:
        await link.publish(spaces(10))


@pytest.mark.parametrize(
    ("reason", "text"),
    [(b"\x97", "Quota exceeded"), (b"\x99\x00", "Payload format invalid"), (b"\x8f", "reason code 143")],
)
async def test_a_broker_may_refuse_for_any_reason(scripted: Scripted, reason: bytes, text: str) -> None:
    broker = Sparing(10, reason=reason)
    async with link_to(await scripted(broker.converse), protocol="5") as link:
        assert await link.publish(spaces(2)) == [Refusal(one.topic, text) for one in spaces(2)]
        broker.reason = b""
        assert await link.publish(spaces(2)) == []


async def test_losing_the_broker_while_publishing_raises_at_once(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    proxy = proxied(mosquitto.port)
    async with link_to(proxy.url, **mqtt, timeout=60) as link:
        proxy.stall()
        publishing = asyncio.create_task(link.publish(spaces(3000)))
        await asyncio.sleep(0)
        mosquitto.kill()
        proxy.resume()
        with pytest.raises(MqttError, match=LOST):
            await asyncio.wait_for(publishing, PATIENCE)
        with pytest.raises(MqttError, match=LOST):
            await link.publish(spaces(1))


async def test_a_silent_broker_is_given_up_after_the_timeout(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    """Also while there are messages that nobody takes."""
    proxy = proxied(mosquitto.port)
    clock = asyncio.get_running_loop().time
    async with link_to(proxy.url, **mqtt, timeout=0.5) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, [b"0"])
        await until(lambda: link.waiting == 1)
        proxy.stall()
        began = clock()
        with pytest.raises(MqttError, match="did not confirm"):
            await link.publish(spaces(10))
        assert 0.4 < clock() - began < PATIENCE / 2
        proxy.resume()  # so that DISCONNECT reaches it


async def test_a_broker_that_sends_messages_and_confirms_nothing_is_given_up(scripted: Scripted) -> None:
    """It is never silent. Its answers may come behind a backlog, so it has six times as long as a silent one."""

    async def converse(peer: Peer) -> None:
        await peer.connect()
        while True:
            await peer.send(b"\x30\x05\x00\x01t\x00x")
            try:
                async with asyncio.timeout(0.02):
                    first, _ = await peer.packet()
            except TimeoutError:
                continue
            if first & 0xF0 != 0x30:
                return

    clock = asyncio.get_running_loop().time
    async with link_to(await scripted(converse), protocol="5", timeout=0.1) as link:
        began = clock()
        with pytest.raises(MqttError, match="did not confirm 3 publications in time"):
            await link.publish(spaces(3))
        assert 0.5 < clock() - began < PATIENCE / 2
        assert link.waiting


async def test_a_refusal_names_topic_and_reason(configured: Configured, tmp_path: Path) -> None:
    broker = configured(ACL.format(acl=_acl(tmp_path, "topic readwrite parking/v1/spaces/#")))
    refused = Publication(topic="parking/v1/zones/central", payload=b"{}", retain=True)
    async with link_to(broker.url, protocol="5") as link:
        await link.publish(spaces(3))
        refusals = await link.publish([*spaces(5), refused, *spaces(2000)])
        assert refusals == [Refusal(refused.topic, "Not authorized")]
        # A refusal is no end: all the others were published, and the connection stands.
        assert len(await retained(broker.port, 2000)) == 2000
        await link.publish(spaces(10))


def _acl(folder: Path, *rules: str) -> Path:
    acl = folder / "acl"
    acl.write_text("".join(f"{rule}\n" for rule in rules))
    return acl


async def test_cancelling_a_publication_leaves_the_link_usable(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    proxy = proxied(mosquitto.port)
    async with link_to(proxy.url, **mqtt, client_id=CLIENT_ID) as link:
        proxy.stall()
        publishing = asyncio.create_task(link.publish(spaces(10)))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        proxy.resume()
        await _publishes(link, mosquitto)


async def _publishes(link: Link, broker: Broker) -> None:
    await link.publish(spaces(20))
    assert await retained(broker.port, 20) == as_topics(spaces(20))
