"""The bridge brings the pictures of regions together, one way, and heals after an absence. On three real Mosquittos."""

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.plugins.broker import mosquitto_in
from tests.regions.brokers import add_bridge, run, secure
from tests.whole_gateway import until

Picture = dict[str, bytes]
PICTURE: Picture = {
    "spaces/central/level-1/A-1": b"free",
    "spaces/central/level-1/A-2": b"occupied",
    "zones/central/level-1": b"1 of 2",
    "sites/central": b"1 of 2",
    "devices/a840410000000001": b"live",
    "gateways/north": b"online",
    "gateways/north/health": b"ready",
}

_END = "parking/north/v1/end"
"""A topic after the retained messages, where every user of these tests may publish."""


class Together(msgspec.Struct):
    """Two brokers of regions, and the central one."""

    folder: Path
    north: Broker
    south: Broker
    central: Broker

    def password(self, region: str) -> str:
        """Of its gateway's user."""
        return (self.folder / region / "mqtt__password").read_text().strip()

    async def publish(self, region: str, retained: Mapping[str, bytes]) -> None:
        """Publish below the root of the region, as its gateway does."""
        broker: Broker = getattr(self, region)
        user = f"parking-gateway-{region}"
        async with aiomqtt.Client(LOCALHOST, broker.port, username=user, password=self.password(region)) as client:
            for topic, payload in retained.items():
                await client.publish(f"parking/{region}/v1/{topic}", payload, qos=1, retain=True)

    async def retained(self, broker: Broker, **user: str) -> Picture:
        """All retained messages of a broker below `parking`."""
        found: Picture = {}
        async with aiomqtt.Client(LOCALHOST, broker.port, **user) as client:  # type: ignore[arg-type] # name and password
            await client.subscribe("parking/#", qos=1)
            await client.subscribe(_END, qos=1)
            await client.publish(_END, b"", qos=1)
            async for message in client.messages:
                if message.topic.value == _END:
                    return found
                if message.retain and isinstance(message.payload, bytes):
                    found[message.topic.value] = message.payload
        raise AssertionError("unreachable")

    async def shows(self, **regions: Picture) -> None:
        """Wait until the central broker has exactly these pictures, and that both bridges are connected."""
        expected = {f"parking/{name}/v1/{topic}": text for name, one in regions.items() for topic, text in one.items()}
        expected |= {f"parking/bridges/{name}": b"1" for name in ("north", "south")}
        found: Picture = {}

        async def holds() -> bool:
            found.clear()
            found.update(await self.retained(self.central))
            return found == expected

        await until(holds, f"{expected}", but=[])


@pytest.fixture
def together(tmp_path: Path) -> Iterator[Together]:
    """Brokers with the files of `regions prepare` and `regions bridge`, all started."""
    places = {name: tmp_path / f"broker of {name}" for name in ("north", "south", "central")}
    for place in places.values():
        place.mkdir()
    brokers = {name: mosquitto_in(place) for name, place in places.items()}
    etc = tmp_path / "etc"
    etc.mkdir()
    for number, name in enumerate(("north", "south")):
        (etc / "regions.toml").write_text(f'[mqtt]\nurl = "{brokers[name].url}"\n')
        run("prepare", name, "--application", str(number), "--folder", str(etc))
    run("bridge", brokers["central"].url, str(tmp_path / "bridge"), "--folder", str(etc))
    for name in ("north", "south"):
        secure(places[name], etc / name, tmp_path / "bridge")
    add_bridge(places["central"], tmp_path / "bridge")
    with ExitStack() as running:
        for broker in brokers.values():
            running.callback(broker.stop)
            broker.start()
        yield Together(folder=etc, **brokers)


async def test_changes_and_cleared_topics_of_an_absence_arrive(together: Together) -> None:
    await together.publish("north", PICTURE)
    await together.publish("south", PICTURE)
    await together.shows(north=PICTURE, south=PICTURE)
    together.central.stop()
    changes = {
        "spaces/central/level-1/A-1": b"occupied",
        "spaces/central/level-1/A-2": b"",
        "zones/central/level-2": b"new",
    }
    await together.publish("north", changes)
    together.central.start()
    changed = {topic: text for topic, text in (PICTURE | changes).items() if text}
    await together.shows(north=changed, south=PICTURE)


async def test_a_region_whose_broker_is_killed_is_absent_and_comes_back(together: Together) -> None:
    await together.publish("north", PICTURE)
    await together.shows(north=PICTURE, south={})
    together.north.kill()

    async def is_absent() -> bool:
        return (await together.retained(together.central))["parking/bridges/north"] == b"0"

    await until(is_absent, "a bridge that is not connected")
    await together.publish("south", PICTURE)
    together.north.start()
    await together.publish("north", PICTURE)
    await together.shows(north=PICTURE, south=PICTURE)


async def test_the_bridge_goes_one_way_and_carries_pictures_only(together: Together) -> None:
    await together.publish(
        "north", PICTURE | {"request/space/get": b"a request", "transitions/central/level-1/A-1": b"a step"}
    )
    await together.publish("south", PICTURE)
    await together.shows(north=PICTURE, south=PICTURE)
    async with aiomqtt.Client(LOCALHOST, together.central.port) as client:
        await client.publish("parking/north/v1/spaces/central/level-1/A-1", b"forged", qos=1, retain=True)
        await client.publish("parking/north/v1/request/site/remove", b"forged", qos=1, retain=True)
    await together.publish("north", {"sites/central": b"2 of 2"})  # goes after them, if there is a way back

    async def arrives() -> bool:
        return (await together.retained(together.central))["parking/north/v1/sites/central"] == b"2 of 2"

    await until(arrives, "a message of the region")
    user = {"username": "parking-gateway-north", "password": together.password("north")}
    assert b"forged" not in (await together.retained(together.north, **user)).values()


async def test_the_user_of_the_bridge_can_publish_nothing(together: Together) -> None:
    password = (together.folder.parent / "bridge/bridge.password").read_text().strip()
    command = [
        "mosquitto_pub",
        "-p",
        str(together.north.port),
        "-u",
        "parking-bridge",
        "-P",
        password,
        "-V",
        "5",
        "-q",
        "1",
    ]
    sent = await asyncio.to_thread(
        subprocess.run,
        [*command, "-t", "parking/north/v1/sites/central", "-m", "x", "-d"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RC:135" in sent.stdout
