"""The files of `docs/examples` on a real Mosquitto: it starts with them, the gateway works, and nobody may do more than it says."""

import asyncio
import getpass
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from parking_gateway.demo.brokers import LOCALHOST, Broker
from tests.events import topic_of, up
from tests.plugins.broker import mosquitto_in, write_passwords
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
PASSWORDS = {"chirpstack": "of ChirpStack", "parking-gateway": "of the gateway", "dashboard": "of a dashboard"}
PATIENCE = 20

EVENT = topic_of("a840410000000001")
COMMAND = "application/a4d93f72-f38e-4a23-b773-343f0e8eaade/device/a840410000000001/command/down"
RADIO = "eu868/gateway/83d9f4c106d20001/command/down"
SPACE = "parking/v1/spaces/central/level-1/A-1"

# The package of Debian and Ubuntu has these lines in its own file, and reads what lies beside it.
_PACKAGE = """\
persistence true
persistence_location {folder}/
include_dir {folder}/conf.d
user {user}
"""


@pytest.fixture
def example_broker(tmp_path: Path) -> Iterator[Broker]:
    """A Mosquitto with both examples, on a port of this test's own, started."""
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
    shutil.copy(EXAMPLES / "mosquitto.acl", folder / "parking.acl")
    write_passwords(folder / "passwords", PASSWORDS)
    broker.start()
    yield broker
    broker.stop()


def client(broker: Broker, user: str) -> aiomqtt.Client:
    return aiomqtt.Client(LOCALHOST, broker.port, username=user, password=PASSWORDS[user])


async def arrives(broker: Broker, *, topic: str, by: str, at: str) -> bool:
    """Whether what one user publishes on this topic reaches another, who asks for everything."""
    last_word_by, last_word = {
        "chirpstack": ("chirpstack", RADIO.replace("down", "end")),
        "parking-gateway": ("chirpstack", EVENT.replace("up", "end")),
        "dashboard": ("parking-gateway", "parking/v1/end"),
    }[at]
    async with client(broker, at) as reader, client(broker, by) as writer, client(broker, last_word_by) as witness:
        await reader.subscribe("#", qos=1)
        await writer.publish(topic, "told", qos=1)
        await witness.publish(last_word, "over", qos=1)
        async with asyncio.timeout(PATIENCE):
            async for message in reader.messages:
                if message.payload == b"over":
                    return False
                assert (str(message.topic), message.payload) == (topic, b"told")
                return True
    raise AssertionError("the reader was disconnected")


@pytest.mark.parametrize(
    ("topic", "by", "at"),
    [
        (EVENT, "chirpstack", "parking-gateway"),
        (RADIO, "chirpstack", "chirpstack"),
        (SPACE, "parking-gateway", "dashboard"),
    ],
)
async def test_who_has_to_be_heard_is_heard(example_broker: Broker, topic: str, by: str, at: str) -> None:
    assert await arrives(example_broker, topic=topic, by=by, at=at)


@pytest.mark.parametrize(
    ("topic", "by", "at"),
    [
        (EVENT, "chirpstack", "dashboard"),
        (EVENT, "dashboard", "parking-gateway"),
        (EVENT, "parking-gateway", "parking-gateway"),
        (COMMAND, "dashboard", "chirpstack"),
        (COMMAND, "parking-gateway", "chirpstack"),
        (SPACE, "dashboard", "dashboard"),
        (SPACE, "chirpstack", "dashboard"),
        (SPACE, "parking-gateway", "parking-gateway"),
    ],
)
async def test_nobody_else_is(example_broker: Broker, topic: str, by: str, at: str) -> None:
    """A dashboard cannot invent a car, nor a space's state; and nobody reads what is not for them."""
    assert not await arrives(example_broker, topic=topic, by=by, at=at)


@pytest.mark.parametrize("credentials", [{}, {"username": "dashboard", "password": "guessed"}])
async def test_strangers_are_refused(example_broker: Broker, credentials: dict[str, Any]) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(LOCALHOST, example_broker.port, **credentials):
            pass


@pytest.mark.parametrize("group", ["", "gateways"])
async def test_the_gateway_works_with_what_it_is_allowed(
    example_broker: Broker, database: str, car_park: CarPark, tmp_path: Path, group: str
) -> None:
    """An uplink of ChirpStack becomes the state of a space on a dashboard, also over a shared subscription."""
    (dev_eui,) = await car_park(1)
    settings = {
        "MQTT__URL": example_broker.url,
        "MQTT__USERNAME": "parking-gateway",
        "MQTT__PASSWORD": PASSWORDS["parking-gateway"],
        "MQTT__SHARED_GROUP": group,
        "DATABASE__URL": database,
        "TELEMETRY__LISTEN": "",
    }
    daemon = Daemon(tmp_path / "daemon.log", dict(os.environ))
    daemon.configure(**settings)
    try:
        daemon.start_and_wait()
        async with client(example_broker, "dashboard") as dashboard, client(example_broker, "chirpstack") as chirpstack:
            await dashboard.subscribe("parking/v1/spaces/#", qos=1)
            await chirpstack.publish(EVENT, up(dev_eui), qos=1)
            async with asyncio.timeout(PATIENCE):
                async for message in dashboard.messages:
                    assert isinstance(message.payload, bytes)
                    if json.loads(message.payload)["state"] == "OCCUPIED":
                        break
        assert daemon.terminate() == os.EX_OK
    finally:
        daemon.close()
