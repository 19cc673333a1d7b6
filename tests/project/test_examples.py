"""The files of `docs/examples` on a real Mosquitto: it starts, the gateway works, and no user may do more than the ACL allows."""

import asyncio
import getpass
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.events import topic_of, up
from tests.plugins.broker import mosquitto_in, write_passwords
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.proxy import Proxied
from tests.whole_gateway import has_published, until

DaemonOf = Callable[..., Daemon]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
RADIO_ID = "83d9f4c106d20001"
PASSWORDS = {
    "chirpstack": "of ChirpStack",
    "gateway-bridge": "of the bridge",
    RADIO_ID: "of a LoRaWAN gateway",
    "parking-gateway": "of the gateway",
    "operator": "of an operator",
    "dashboard": "of a dashboard",
}
PATIENCE = 20

EVENT = topic_of("a840410000000001")
COMMAND = "application/a4d93f72-f38e-4a23-b773-343f0e8eaade/device/a840410000000001/command/down"
RADIO = f"eu868/gateway/{RADIO_ID}/command/down"
HEARD = f"eu868/gateway/{RADIO_ID}/event/up"
STATE = f"eu868/gateway/{RADIO_ID}/state/conn"
OTHERS = "eu868/gateway/83d9f4c106d20002"
OWN = "parking/v1/gateways/garage"
MARKER = f"{OWN}/marker"
SPACE = "parking/v1/spaces/central/level-1/A-1"

AUDITOR = "auditor"
FAMILIES = {
    "event": EVENT,
    "event-of-others": EVENT.replace("application", "elsewhere"),
    "command": COMMAND,
    "command-of-a-group": COMMAND.replace("device", "multicast-group"),
    "application": "application/a4d93f72-f38e-4a23-b773-343f0e8eaade/integration/x",
    "heard": HEARD,
    "state": STATE,
    "radio": RADIO,
    "heard-of-others": f"{OTHERS}/event/up",
    "state-of-others": f"{OTHERS}/state/conn",
    "radio-of-others": f"{OTHERS}/command/down",
    "space": SPACE,
    "health": f"{OWN}/health",
    "marker": MARKER,
    "request": "parking/v1/request/space/get",
    "response": "parking/v1/response/space/get",
    "next-contract": "parking/v2/spaces/central/level-1/A-1",
    "unrelated": "home/light",
}
"""A topic of each kind."""
ALL_RADIO = "heard state radio heard-of-others state-of-others radio-of-others"
WRITES = {
    "chirpstack": f"event {ALL_RADIO}",
    "gateway-bridge": "heard state heard-of-others state-of-others",
    RADIO_ID: "heard state",
    "parking-gateway": "command space health marker request response",
    "operator": "command request",
    "dashboard": "",
}
READS = {
    "chirpstack": ["command", *ALL_RADIO.split()],
    "gateway-bridge": ["radio", "radio-of-others"],
    RADIO_ID: ["radio"],
    "parking-gateway": ["event", "space", "health", "marker", "request", "response"],
    "operator": ["event", "space", "health", "marker", "request", "response"],
    "dashboard": ["space", "health", "marker"],
}
"""The families of each user."""

# The package of Debian and Ubuntu has these lines in its own file, and includes the folder beside it.
_PACKAGE = """\
persistence true
persistence_location {folder}/
include_dir {folder}/conf.d
user {user}
"""


@pytest.fixture
def example_broker(tmp_path: Path) -> Iterator[Broker]:
    """A running Mosquitto with both examples, on a port of its own."""
    folder = tmp_path / "mosquitto"
    (folder / "conf.d").mkdir(parents=True)
    broker = mosquitto_in(folder)
    example = (EXAMPLES / "mosquitto.conf").read_text()
    for written, here in {
        "listener 1883\n": f"listener {broker.port} {LOCALHOST}\n",
        "/etc/mosquitto/passwords": f"{folder}/passwords",
        "/etc/mosquitto/parking.acl": f"{folder}/parking.acl",
    }.items():
        assert example.count(written) == 1
        example = example.replace(written, here)
    (folder / "mosquitto.conf").write_text(_PACKAGE.format(folder=folder, user=getpass.getuser()))
    (folder / "conf.d" / "parking.conf").write_text(example)
    acl = (EXAMPLES / "mosquitto.acl").read_text()
    (folder / "parking.acl").write_text(f"{acl}\nuser {AUDITOR}\ntopic readwrite #\n")
    write_passwords(folder / "passwords", PASSWORDS | {AUDITOR: "of the tests"})
    broker.start()
    yield broker
    broker.stop()


def client(broker: Broker, user: str) -> aiomqtt.Client:
    return aiomqtt.Client(LOCALHOST, broker.port, username=user, password=PASSWORDS.get(user, "of the tests"))


async def written_by(broker: Broker, user: str) -> set[str]:
    """The topics on which the user's publications reach the auditor."""
    async with client(broker, AUDITOR) as auditor:
        await auditor.subscribe("#", qos=1)
        for topic in FAMILIES.values():
            with suppress(aiomqtt.MqttError):  # Mosquitto closes the connection of a publication that it refuses
                async with client(broker, user) as writer:
                    await writer.publish(topic, user, qos=1)
        await auditor.publish("the/end", qos=1)
        return {topic for topic, payload in await until_the_end(auditor) if payload == user.encode()}


async def read_by(broker: Broker, user: str) -> set[str]:
    """The topics of the auditor's publications that reach the user, who subscribes to everything."""
    (last, *_) = READS[user]
    async with client(broker, user) as reader, client(broker, AUDITOR) as auditor:
        await reader.subscribe([("#", 1), ("$SYS/#", 1), ("$share/thieves/#", 1)])
        for topic in FAMILIES.values():
            await auditor.publish(topic, AUDITOR, qos=1)
        await auditor.publish(FAMILIES[last], "over", qos=1)
        return {topic for topic, _ in await until_the_end(reader)}


async def until_the_end(reader: aiomqtt.Client) -> list[tuple[str, bytes]]:
    """Topic and payload of the messages up to the last one."""
    last = await received_until(
        reader, lambda message: str(message.topic) == "the/end" or bytes(message.payload) == b"over"
    )
    return [(str(message.topic), bytes(message.payload)) for message in last]


def topics(names: str) -> set[str]:
    return {FAMILIES[name] for name in names.split()}


@pytest.mark.parametrize("user", PASSWORDS)
async def test_each_user_publishes_what_it_needs_and_nothing_else(example_broker: Broker, user: str) -> None:
    """On one topic of each family. The auditor, who may read everything, is not in the example."""
    assert await written_by(example_broker, user) == topics(WRITES[user])


@pytest.mark.parametrize("user", PASSWORDS)
async def test_each_user_receives_what_it_needs_and_nothing_else(example_broker: Broker, user: str) -> None:
    assert await read_by(example_broker, user) == {FAMILIES[name] for name in READS[user]}


@pytest.mark.parametrize("credentials", [{}, {"username": "dashboard", "password": "guessed"}])
async def test_strangers_are_refused(example_broker: Broker, credentials: dict[str, Any]) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(LOCALHOST, example_broker.port, **credentials):
            pass


@pytest.mark.parametrize("group", ["", "gateways"])
async def test_the_gateway_works_with_what_it_is_allowed(
    example_broker: Broker, database: str, car_park: CarPark, daemon_of: DaemonOf, group: str
) -> None:
    """An uplink of ChirpStack becomes the state of a space on a dashboard, also over a shared subscription."""
    (dev_eui,) = await car_park(1)
    daemon = daemon_of(example_broker.url, MQTT__SHARED_GROUP=group)
    daemon.start_and_wait()
    async with client(example_broker, "dashboard") as dashboard, client(example_broker, "chirpstack") as chirpstack:
        await dashboard.subscribe("parking/v1/spaces/#", qos=1)
        await chirpstack.publish(EVENT, up(dev_eui), qos=1)
        await received_until(dashboard, is_occupied)
    async with client(example_broker, "operator") as operator:
        await operator.subscribe("parking/v1/response/#", qos=1)
        await operator.publish("parking/v1/request/state/republish", "{}", qos=1)
        await received_until(operator, lambda message: b'"status":"ok"' in bytes(message.payload))
    assert daemon.terminate() == os.EX_OK


async def test_the_broker_starts_again_with_what_it_kept(
    example_broker: Broker, database: str, car_park: CarPark, daemon_of: DaemonOf
) -> None:
    """Its user can write and read its store, and the store holds the events that came meanwhile."""
    (dev_eui,) = await car_park(1)
    daemon = daemon_of(example_broker.url)
    daemon.start_and_wait()
    daemon.kill()
    async with client(example_broker, "chirpstack") as chirpstack:
        await chirpstack.publish(EVENT, up(dev_eui), qos=1)
    for _ in range(2):
        example_broker.stop()
        example_broker.start()
    daemon.start_and_wait()
    async with client(example_broker, "dashboard") as dashboard:
        await dashboard.subscribe("parking/v1/spaces/#", qos=1)
        await received_until(dashboard, is_occupied)
    assert daemon.terminate() == os.EX_OK


async def test_an_ordinary_reconnection_publishes_only_that_the_gateway_is_there(
    example_broker: Broker, engine: AsyncEngine, car_park: CarPark, daemon_of: DaemonOf, proxied: Proxied
) -> None:
    """Birth and health. Where the ACL does not let the gateway read its marker, it publishes everything again."""
    dev_eui, *_ = await car_park(20)
    proxy = proxied(example_broker.port)
    daemon = daemon_of(proxy.url)
    daemon.start_and_wait()
    async with (
        client(example_broker, "dashboard") as dashboard,
        client(example_broker, "chirpstack") as chirpstack,
        client(example_broker, "parking-gateway") as fence,
    ):
        await dashboard.subscribe("parking/v1/#", qos=1)
        await until(partial(has_published, engine), "everything is published")
        await fence.publish(f"{OWN}/fence", qos=1)
        await received_until(dashboard, lambda message: str(message.topic) == f"{OWN}/fence")
        proxy.cut()
        again = await received_until(dashboard, lambda message: str(message.topic) == f"{OWN}/health")
        await chirpstack.publish(EVENT, up(dev_eui), qos=1)
        again += await received_until(dashboard, is_occupied)
    published = [str(one.topic) for one in again if b'"offline"' not in bytes(one.payload)]
    # The look at the start of a connection may find the device of this uplink first, as a page with its marker.
    if (device := f"parking/v1/devices/{dev_eui}") in published:
        at = published.index(device)
        assert published[at : at + 2] == [device, MARKER]
        del published[at : at + 2]
    assert published == [OWN, f"{OWN}/health", SPACE.replace("spaces", "transitions"), SPACE]
    assert daemon.terminate() == os.EX_OK


async def received_until(reader: aiomqtt.Client, is_last: Callable[[aiomqtt.Message], bool]) -> list[aiomqtt.Message]:
    """The messages up to this one."""
    found = []
    async with asyncio.timeout(PATIENCE):
        async for message in reader.messages:
            found.append(message)
            if is_last(message):
                break
    return found


def is_occupied(message: aiomqtt.Message) -> bool:
    return str(message.topic) == SPACE and json.loads(bytes(message.payload))["state"] == "OCCUPIED"


@pytest.fixture
def daemon_of(database: str, tmp_path: Path) -> Iterator[DaemonOf]:
    """A gateway that logs in with its name and password, not started yet."""
    daemon = Daemon(tmp_path / "daemon.log", dict(os.environ))

    def configured(url: str, **settings: str) -> Daemon:
        daemon.configure(
            MQTT__URL=url,
            MQTT__USERNAME="parking-gateway",
            MQTT__PASSWORD=PASSWORDS["parking-gateway"],
            DATABASE__URL=database,
            TELEMETRY__LISTEN="",
            GATEWAY__INSTANCE="garage",
            **settings,
        )
        return daemon

    yield configured
    daemon.close()
