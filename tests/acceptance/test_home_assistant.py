"""The gateway announces its spaces to Home Assistant over a real broker."""

import asyncio
import json

import aiomqtt

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import PATIENCE


async def test_a_space_is_announced_and_again_when_home_assistant_has_started(
    daemon: Daemon, broker: Broker, car_park: CarPark
) -> None:
    await car_park(1)
    async with aiomqtt.Client(LOCALHOST, broker.port) as home_assistant, asyncio.timeout(PATIENCE):
        await home_assistant.subscribe("homeassistant/device/+/config")
        daemon.configure(HOME_ASSISTANT__ENABLED="true")
        daemon.start_and_wait()
        first = await anext(home_assistant.messages)
        await home_assistant.publish("homeassistant/status", "online", qos=1)
        again = await anext(home_assistant.messages)
    assert (again.topic, again.payload) == (first.topic, first.payload)
    assert json.loads(bytes(first.payload))["device"]["name"] == "level-1 A-1"
