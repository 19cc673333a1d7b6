"""The broker's session holds our messages: one that is not acknowledged comes again, one that is acknowledged does not."""

import pytest

from parking_gateway.broker.link import MqttError
from parking_gateway.cli.demo.brokers import Broker
from tests.broker.conftest import PacketLog, Settings
from tests.broker.links import EVENTS, link_to, numbered, payloads_of, publish, take
from tests.plugins.broker import Configured


async def test_messages_that_are_published_while_we_are_away_come_afterwards(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        assert not link.session_present
        assert link.seconds_behind <= 0
        await link.subscribe(EVENTS)
    await publish(mosquitto.port, numbered(300))
    async with link_to(mosquitto.url, **mqtt) as link:
        assert link.session_present
        assert 0 < link.seconds_behind <= 2  # until then nobody knows how much the broker has kept
        assert payloads_of(await take(link, 300)) == numbered(300)


async def test_the_session_survives_a_restart_of_the_broker(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
    await publish(mosquitto.port, numbered(3))
    mosquitto.stop()
    mosquitto.start()
    async with link_to(mosquitto.url, **mqtt) as link:
        assert link.session_present
        assert payloads_of(await take(link, 3)) == numbered(3)


async def test_a_broker_that_lost_its_store_has_no_session(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
    mosquitto.kill()
    mosquitto.start()
    async with link_to(mosquitto.url, **mqtt) as link:
        assert not link.session_present


async def test_only_what_was_not_acknowledged_is_sent_again(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(10))
        first = await take(link, 10)
        assert not any(message.is_redelivered for message in first)
        link.acknowledge(first[:6])
    async with link_to(mosquitto.url, **mqtt) as link:
        await publish(mosquitto.port, [b"new"])
        again = await take(link, 5)
        assert payloads_of(again) == [*numbered(10)[6:], b"new"]
        assert [message.is_redelivered for message in again] == [True] * 4 + [False]


async def test_a_batch_is_acknowledged_once_each_and_in_order(
    configured: Configured, packet_log: PacketLog, mqtt: Settings
) -> None:
    broker = configured("log_type all\n")
    async with link_to(broker.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(broker.port, numbered(500))
        messages = await take(link, 500)
        link.acknowledge(messages)
        acknowledged = r"Received PUBACK from gateway \(Mid: (\d+), RC:0\)"
        await packet_log.contains(acknowledged, times=500)
    await packet_log.contains("Client gateway disconnected")
    assert packet_log.lines(acknowledged) == [str(message.mid) for message in messages]


async def test_messages_of_qos_0_have_nothing_to_acknowledge(
    configured: Configured, packet_log: PacketLog, mqtt: Settings
) -> None:
    broker = configured("log_type all\n")
    async with link_to(broker.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(broker.port, [b"0"], qos=0)
        await publish(broker.port, [b"1"], qos=1)
        messages = await take(link, 2)
        assert [message.qos for message in messages] == [0, 1]
        link.acknowledge(messages)
    await packet_log.contains("Client gateway disconnected")
    assert packet_log.lines(r"Received PUBACK from gateway \(Mid: (\d+),") == [str(messages[1].mid)]


async def test_nothing_is_acknowledged_over_a_connection_that_is_lost(mosquitto: Broker, mqtt: Settings) -> None:
    async with link_to(mosquitto.url, **mqtt) as link:
        await link.subscribe(EVENTS)
        await publish(mosquitto.port, numbered(3))
        messages = await take(link, 3)
        mosquitto.stop()
        with pytest.raises(MqttError):
            await take(link, 1)
        link.acknowledge(messages)
        mosquitto.start()
    async with link_to(mosquitto.url, **mqtt) as link:
        assert payloads_of(await take(link, 3)) == numbered(3)
