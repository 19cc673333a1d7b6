"""Publishing returns when the broker has confirmed everything, and says what went wrong where it has not."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.reasons import PublicationRefused
from parking_gateway.demo.brokers import Broker
from parking_gateway.publication import Publication
from tests.broker.conftest import Configured, Diary, Settings
from tests.broker.links import CLIENT_ID, LOST, PATIENCE, link_to, other
from tests.plugins.proxy import Proxied

# With `max_queued_messages 0`, Mosquitto 2.0.11 disconnects whose publication it refuses.
ACL = "max_queued_messages 1000000\nacl_file {acl}\n"


def spaces(count: int) -> list[Publication]:
    return [
        Publication(topic=f"parking/v1/spaces/central/level-1/a-{number}", payload=b"%d" % number, retain=True)
        for number in range(count)
    ]


async def retained(port: int, count: int) -> dict[str, bytes]:
    """What a newcomer sees, of so many topics."""
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


async def test_what_is_not_retained_reaches_who_listens_and_is_forgotten(mosquitto: Broker, mqtt: Settings) -> None:
    step = Publication(topic="parking/v1/transitions/a", payload=b"step", retain=False)
    async with link_to(mosquitto.url, **mqtt) as link, other(mosquitto.port) as watcher:
        await watcher.subscribe("parking/#", qos=1)
        await link.publish([step, *spaces(1)])
        async with asyncio.timeout(PATIENCE):
            assert [(await anext(watcher.messages)).payload for _ in range(2)] == [b"step", b"0"]
        assert await retained(mosquitto.port, 1) == as_topics(spaces(1))


async def test_two_tasks_publish_at_the_same_time(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt, window=10) as link:
        await asyncio.gather(link.publish(spaces(100)), link.publish(spaces(150)[100:]))
        assert await retained(mosquitto.port, 150) == as_topics(spaces(150))


async def test_the_same_topic_ends_with_its_last_word(mosquitto: Broker, mqtt: Settings) -> None:
    words = [Publication(topic="parking/a", payload=b"%d" % number, retain=True) for number in range(500)]
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.publish(words)
        assert await retained(mosquitto.port, 1) == {"parking/a": b"499"}


@pytest.mark.parametrize("maximum", [1, 10])
async def test_no_more_is_under_way_than_the_broker_accepts(configured: Configured, diary: Diary, maximum: int) -> None:
    """Who sends more than a broker's Receive Maximum is disconnected by it."""
    broker = configured(f"log_type all\nmax_inflight_messages {maximum}\n")
    async with link_to(broker.url, protocol="5", window=1000) as link:
        assert diary.lines("CONNACK to gateway") != []
        await link.publish(spaces(50))
        await asyncio.gather(*(link.publish([one]) for one in spaces(50)))
    await diary.says("Client gateway disconnected")
    assert diary.lines("(Client gateway disconnected.*)") == ["Client gateway disconnected."]


async def test_a_window_abandoned_halfway_does_not_add_up_with_the_next(
    configured: Configured, diary: Diary, proxied: Proxied
) -> None:
    """A cancelled publication is still under way, and counts against the broker's Receive Maximum."""
    broker = configured("log_type all\nmax_inflight_messages 10\n")
    proxy = proxied(broker.port)
    async with link_to(proxy.url, protocol="5") as link:
        proxy.stall()
        for _ in range(3):
            publishing = asyncio.create_task(link.publish(spaces(10)))
            await asyncio.sleep(0)
            publishing.cancel()
            await asyncio.wait([publishing])
        proxy.resume()
        await link.publish(spaces(50))
    await diary.says("Client gateway disconnected")
    assert diary.lines("(Client gateway disconnected.*)") == ["Client gateway disconnected."]


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
            await asyncio.wait_for(publishing, 1)
        with pytest.raises(MqttError, match=LOST):
            await link.publish(spaces(1))


async def test_a_silent_broker_is_given_up_after_the_timeout(
    mosquitto: Broker, mqtt: Settings, proxied: Proxied
) -> None:
    proxy = proxied(mosquitto.port)
    clock = asyncio.get_running_loop().time
    async with link_to(proxy.url, **mqtt, timeout=0.5) as link:
        proxy.stall()
        began = clock()
        with pytest.raises(MqttError, match="did not confirm"):
            await link.publish(spaces(10))
        assert 0.4 < clock() - began < 2


async def test_a_refusal_says_which_topic_and_why(configured: Configured, tmp_path: Path) -> None:
    broker = configured(ACL.format(acl=_acl(tmp_path, "topic readwrite parking/v1/spaces/#")))
    refused = Publication(topic="parking/v1/zones/central", payload=b"{}", retain=True)
    async with link_to(broker.url, protocol="5") as link:
        await link.publish(spaces(3))
        with pytest.raises(PublicationRefused, match=r"parking/v1/zones/central.*Not authorized"):
            await link.publish([*spaces(5), refused, *spaces(2000)])
        # One refusal is no end: what else there is to say is said over the same connection.
        await link.publish(spaces(10))
        assert len(await retained(broker.port, 10)) == 10


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
