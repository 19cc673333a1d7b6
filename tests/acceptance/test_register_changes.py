"""The register changes under a running gateway, and while it is away: no uplink is lost, and no topic is left behind."""

import asyncio
import json

import aiomqtt
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT
from parking_gateway.process import wall_clock
from parking_gateway.requests.desk import Answer
from tests.events import OCCUPIED, VACANT, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.requests.conftest import Ask, ask
from tests.whole_gateway import Sent, publish, settled

__all__ = ["ask"]
UPLINKS = 40
"""Of each device."""
CHANGES = {
    "space/remove": {"space": "A-1"},
    "space/rename": {"space": "A-2", "name": "B-2"},
    "device/unassign": {"dev_eui": "a840410000000003"},
    "zone/rename": {"name": "ground"},
}


def uplinks(devices: list[str], *, first: int) -> Sent:
    """Of cars that come and go, on all spaces in turn."""
    return [
        (topic_of(device), up(device, (VACANT, OCCUPIED)[number % 2], at=number / 60, f_cnt=number))
        for number in range(first, first + UPLINKS)
        for device in devices
    ]


async def change(broker: Broker) -> list[str]:
    """Request all changes, one after the other. Returns the statuses of the replies."""
    place = {"site": "central", "zone": "level-1"}
    async with aiomqtt.Client(LOCALHOST, broker.port) as client, asyncio.timeout(60):
        await client.subscribe(f"{ROOT}/response/#", qos=1)
        statuses = []
        for verb, parameters in CHANGES.items():
            asked = parameters if verb.startswith("device") else place | parameters
            await client.publish(f"{ROOT}/request/{verb}", json.dumps(asked), qos=1)
            statuses.append(json.loads(bytes((await anext(client.messages)).payload))["status"])
        return statuses


async def test_places_change_while_uplinks_arrive_and_while_the_gateway_is_away(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, ask: Ask
) -> None:
    devices = await car_park(6)
    daemon.start_and_wait()
    _, statuses = await asyncio.gather(publish(broker, uplinks(devices, first=1)), change(broker))
    assert statuses == ["ok"] * len(CHANGES)
    sent = UPLINKS * len(devices)
    retained = await settled(engine, broker, database, uplinks=sent)
    names = {topic.removeprefix(f"{ROOT}/spaces/") for topic in retained if topic.startswith(f"{ROOT}/spaces/")}
    assert names == {f"central/ground/{name}" for name in ("B-2", "A-3", "A-4", "A-5", "A-6")}
    assert json.loads(retained[f"{ROOT}/sites/central"])["total"] == 5
    assert json.loads(retained[f"{ROOT}/spaces/central/ground/A-3"])["contact"] == "never"
    assert json.loads(retained[f"{ROOT}/devices/a840410000000001"])["space"] is None
    daemon.kill()
    await publish(broker, uplinks(devices, first=1 + UPLINKS))
    for verb, parameters in (("space/remove", {"zone": "ground", "space": "A-4"}), ("site/rename", {"name": "north"})):
        assert isinstance(await ask(verb, at=wall_clock.utc(), site="central", **parameters), Answer)
    daemon.start_and_wait()
    retained = await settled(engine, broker, database, uplinks=2 * sent)
    names = {topic.removeprefix(f"{ROOT}/spaces/") for topic in retained if topic.startswith(f"{ROOT}/spaces/")}
    assert names == {f"north/ground/{name}" for name in ("B-2", "A-3", "A-5", "A-6")}
    assert json.loads(retained[f"{ROOT}/spaces/north/ground/B-2"])["occupancy"] == "vacant"
