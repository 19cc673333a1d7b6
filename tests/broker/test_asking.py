"""Questions to the broker are answered truly, and quickly where all is well."""

import asyncio

from parking_gateway.broker.asking import DELIVERED_SECONDS, asking, retained, shares
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.process.config.mqtt import MqttConfig
from tests.broker.conftest import Peer, Scripted
from tests.broker.links import PATIENCE

PUBACK, SUBSCRIBE = 0x40, 0x82


async def test_a_broker_that_answers_nothing_before_its_message_is_acknowledged_is_not_waited_for(
    scripted: Scripted,
) -> None:
    """As amqtt does, which gives up after five seconds."""
    packets: list[int] = []

    async def converse(peer: Peer) -> None:
        await peer.connect()
        _, first = await peer.packet()
        await peer.send(b"\x90\x03" + first[:2] + b"\x01" + b"\x33\x07\x00\x01a\x00\x07on")
        behind = dict([await peer.packet(), await peer.packet()])  # in any order
        packets.extend(behind)
        await peer.send(b"\x90\x03" + behind[SUBSCRIBE][:2] + b"\x01")
        await peer.packet()

    config = MqttConfig(url=await scripted(converse), timeout=2 * PATIENCE, protocol="3.1.1")
    async with asyncio.timeout(PATIENCE), asking(config, name="asks") as link:
        assert await retained(link, "a", ["a"]) == {"a": b"on"}
    assert sorted(packets) == [PUBACK, SUBSCRIBE]


async def test_a_broker_that_shares_proves_it_in_a_few_round_trips(mosquitto: Broker) -> None:
    """It is not waited for as long as one that may deliver nothing."""
    clock = asyncio.get_running_loop().time
    async with asking(MqttConfig(url=mosquitto.url), name="proves") as link:
        began = clock()
        assert await shares(link, folder="parking/v1/gateways/test", group="group")
        assert clock() - began < DELIVERED_SECONDS
