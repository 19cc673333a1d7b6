"""A lamp above a space, with a scripted ChirpStack: the daemon's commands reach the broker, and its answers the device's topic."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiomqtt

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.core.events import DevEui
from parking_gateway.store import indicators
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, about, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import PATIENCE, publish, until, validate

LAMP = DevEui("ca10000000000001")
GREEN, RED = bytes.fromhex("0000ffff00"), bytes.fromhex("ff0000ff00")


class ChirpStack:
    """Takes commands from its topic, and publishes events about them."""

    def __init__(self, broker: Broker, client: aiomqtt.Client) -> None:
        self._broker = broker
        self._client = client

    async def command(self) -> dict[str, Any]:
        """The next command."""
        async with asyncio.timeout(PATIENCE):
            message = await anext(self._client.messages)
        assert not message.retain
        assert str(message.topic) == topic_of(LAMP).replace("event/up", "command/down")
        command: dict[str, Any] = json.loads(bytes(message.payload))
        return command

    async def publish(self, event: str, **fields: object) -> None:
        """An event about the lamp, of now."""
        await publish(self._broker, [(topic_of(LAMP, event), about(LAMP, at=_minutes(), **fields))])

    async def has_taken(self, command: dict[str, Any]) -> None:
        """The LoRaWAN gateway has sent it, and the lamp has acknowledged it."""
        await self.publish("txack", queueItemId=command["id"], gatewayId="0102030405060708")
        await self.publish("ack", queueItemId=command["id"], acknowledged=True)


def _minutes() -> float:
    return (datetime.now(UTC) - NOON).total_seconds() / 60


@asynccontextmanager
async def chirpstack_on(broker: Broker) -> AsyncIterator[ChirpStack]:
    """A ChirpStack that is subscribed to its commands."""
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        await client.subscribe("application/+/device/+/command/+", qos=1)
        yield ChirpStack(broker, client)


async def is_published(broker: Broker, state: str) -> bool:
    """Whether the topic of the lamp shows this state of its last downlink."""
    device = json.loads((await read_retained(broker.url, f"{ROOT}/devices"))[f"{ROOT}/devices/{LAMP}"])
    validate("device", device)
    return device["downlink"] is not None and device["downlink"]["state"] == state


async def test_a_lamp_shows_its_space_through_a_lost_command_and_a_join(
    daemon: Daemon, broker: Broker, pool: Pool, car_park: CarPark
) -> None:
    (sensor,) = await car_park(1)
    daemon.configure(DOWNLINKS__RETRY_WAIT_MIN="0.1", DOWNLINKS__DEVICE_INTERVAL="0.1")
    model = {"f_port": 15, "confirmed": True, "answer_within": 1, "free": GREEN.hex(), "occupied": RED.hex()}
    daemon.configure(DOWNLINKS__MODELS=json.dumps({"lamp": model}))
    daemon.start_and_wait()
    async with chirpstack_on(broker) as chirpstack:
        await publish(broker, [(topic_of(LAMP), up(LAMP, b"\x01", at=_minutes()))])
        async with pool.connect() as connection:
            place = [{"space_id": 1}]
            await connection.commit_together(*indicators.add(LAMP, model="lamp", buffer=0, hysteresis=0, places=place))
        lost = await chirpstack.command()
        assert (base64.b64decode(lost["data"]), lost["fPort"], lost["confirmed"]) == (GREEN, 15, True)
        await until(partial(is_published, broker, "pending"), "a pending downlink")
        again = await chirpstack.command()
        assert again["id"] == lost["id"], "ChirpStack's queue holds it once"
        await chirpstack.has_taken(again)
        await until(partial(is_published, broker, "shown"), "that green is shown")
        await publish(broker, [(topic_of(sensor), up(sensor, OCCUPIED, at=_minutes()))])
        red = await chirpstack.command()
        assert base64.b64decode(red["data"]) == RED
        await chirpstack.has_taken(red)
        await until(partial(is_published, broker, "shown"), "that red is shown")
        await chirpstack.publish("join", devAddr="01020304")
        again = await chirpstack.command()
        assert base64.b64decode(again["data"]) == RED
        await chirpstack.has_taken(again)
        await until(partial(is_published, broker, "shown"), "that red is shown again")
    assert daemon.terminate() == 0
