"""A publisher who may only write on `application/#`: no topic of ours, no line of log, no flood of rows is his."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

import aiomqtt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests import forked
from tests.events import dev_eui_of, topic_of, up
from tests.plugins.broker import Configured, write_passwords
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_published, until, value

FORGED = "2026-11-27 FORGED"
HOSTILE = (
    *("+", "#", "a/b", "../../spaces", "/", "$SYS/broker", "$share/x/y", f"{ROOT}/spaces/central/level-1/A-1"),
    *(f"x\n{FORGED}", f"x\r\n{FORGED}", f"x\x85{FORGED}", f"x\u2028{FORGED}", f"x\u2029{FORGED}", f"x\x0b{FORGED}"),
    *(
        "\x1b[2J\x1b[31mred",
        "\x9b2J",
        "\u202efdp.exe",
        "\u2066x\u2069",
        "\ufeff",
        "\0",
        "\x7f",
        "\ud83c\udf70",
        "x" * 5000,
    ),
    *('"}\n{"message":"FORGED"', "%s %n {0} ${jndi:ldap://x}", "'; drop table uplink; --", "<script>alert(1)</script>"),
)
OURS = re.compile(
    rf"{ROOT}/(spaces/central/level-1/A-\d|transitions/central/level-1/A-\d|zones/central/level-1|sites/central"
    r"|devices/[0-9a-f]{16}|gateways/test(/health|/marker)?|events/.+)"
)
UNKNOWN = 60
BOUND = 25
"""New devices in an hour."""
BYTES = 200_000
"""Rejected bytes in an hour."""
PASSWORDS = {"attacker": "of the attacker", "gateway": "of the gateway"}
# The first lines are for readers without a name, which are those of the tests.
ACL = """\
topic read parking/#
topic readwrite audit/#

user attacker
topic write application/#

user gateway
topic read #
topic readwrite parking/#
"""


@pytest.fixture
def guarded(configured: Configured, tmp_path: Path) -> Broker:
    """A broker with an attacker who may only write events."""
    write_passwords(passwords := tmp_path / "passwords", PASSWORDS)
    (acl := tmp_path / "acl").write_text(ACL)
    acl.chmod(0o644)
    passwords.chmod(0o644)
    return configured(f"acl_file {acl}\npassword_file {passwords}\nallow_anonymous true\n")


def client(broker: Broker, user: str) -> aiomqtt.Client:
    return aiomqtt.Client(LOCALHOST, broker.port, username=user, password=PASSWORDS[user])


def events() -> Iterator[tuple[str, bytes]]:
    """Every hostile text in every field that holds text, in every kind of event, and in the topic where the broker allows it."""
    for text in HOSTILE:
        for kind in ("up", "join", "status", "log", "txack", "location"):
            event = json.loads(up(dev_eui_of(1)))
            info = event["deviceInfo"]
            for name in ("deviceName", "deviceProfileName", "applicationName", "applicationId", "tenantName"):
                info[name] = text
            info["tags"] = {text: text, "codec": text}
            event |= {
                "level": "ERROR",
                "code": text,
                "description": text,
                "object": {text: text},
                "regionConfigId": text,
            }
            yield topic_of(dev_eui_of(1), kind), json.dumps(event).encode()
            info["devEui"] = text
            yield topic_of(dev_eui_of(1), kind), json.dumps(event).encode()
        if text.isprintable() and not {"+", "#"} & set(text):
            yield f"application/{text}/device/{text}/event/up", b"{"
    for text in ("x\u2028FORGED", "\u202etxt"):
        yield f"application/{text}/device/{text}/event/up", b"{"


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_a_publisher_of_events_chooses_no_topic_and_forges_no_line(
    daemon: Daemon, guarded: Broker, engine: AsyncEngine, car_park: CarPark, log_format: str
) -> None:
    """With every field of every event, in both formats of the log. The queue goes on: a good uplink behind all of them counts."""
    await car_park(2)
    daemon.configure(
        MQTT__URL=guarded.url,
        MQTT__USERNAME="gateway",
        MQTT__PASSWORD=PASSWORDS["gateway"],
        TELEMETRY__LOG_FORMAT=log_format,
        TELEMETRY__LOG_LEVEL="DEBUG",
    )
    daemon.start_and_wait()
    async with client(guarded, "gateway") as witness, client(guarded, "attacker") as attacker:
        await witness.subscribe("#", qos=1)
        for topic, payload in events():
            await attacker.publish(topic, payload, qos=1)
        with suppress(aiomqtt.MqttError):  # the broker closes the connection
            async with client(guarded, "attacker") as forger:
                await forger.publish(f"{ROOT}/spaces/central/level-1/A-1", b"forged", qos=1, retain=True)
        await attacker.publish(topic_of(dev_eui_of(2)), up(dev_eui_of(2)), qos=1)
        seen = []
        async with asyncio.timeout(30):
            async for message in witness.messages:
                if not message.topic.matches("application/#"):
                    seen.append(str(message.topic))
                is_state = str(message.topic) == f"{ROOT}/spaces/central/level-1/A-2"
                if is_state and b'"OCCUPIED"' in bytes(message.payload):
                    break
    await until(partial(has_published, engine), "all publications")
    retained = await read_retained(guarded.url, ROOT)
    assert [topic for topic in (*seen, *retained) if not OURS.fullmatch(topic)] == []
    assert b"forged" not in retained[f"{ROOT}/spaces/central/level-1/A-1"]
    assert await value(engine, "select count(*) from rejection where reason = 'gateway_failed'") == 0
    assert await value(engine, "select count(*) from rejection") > len(HOSTILE)
    assert daemon.terminate() == 0
    lines = daemon.log.read_bytes().decode().splitlines()
    if log_format == "json":
        assert [line for line in lines if json.loads(line)["level"] not in {"INFO", "WARNING", "DEBUG"}] == []
    assert [line for line in lines if not line.isprintable() or line.startswith(FORGED[:10])] == []
    assert [line for line in lines if "FORGED" in line and "Rejected a message" not in line] == []


async def test_a_publisher_of_events_adds_a_bounded_number_of_rows_and_bytes(
    daemon: Daemon, guarded: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Everything beyond is recorded and named by log, metrics, health and doctor, and good uplinks in between count."""
    await car_park(1)
    daemon.serve_pages()
    daemon.configure(
        MQTT__URL=guarded.url,
        MQTT__USERNAME="gateway",
        MQTT__PASSWORD=PASSWORDS["gateway"],
        LIMITS__NEW_DEVICES_PER_HOUR=str(BOUND),
        LIMITS__REJECTED_BYTES_PER_HOUR=str(BYTES),
    )
    daemon.start_and_wait()
    async with client(guarded, "attacker") as attacker:
        for number in range(2, 2 + UNKNOWN):
            await attacker.publish(topic_of(dev_eui_of(number)), up(dev_eui_of(number)), qos=1)
            await attacker.publish(topic_of(dev_eui_of(number)), b"{" + str(uuid4()).encode() * 1000, qos=1)
        await attacker.publish(topic_of(dev_eui_of(1)), up(dev_eui_of(1)), qos=1)

    async def is_recorded() -> bool:
        """All of it: two lanes of a batch are committed one after the other."""
        is_parked = await value(engine, "select state = 'OCCUPIED' from space")
        return bool(is_parked) and daemon.metric("parking_gateway_oldest_event_seconds") == 0

    await until(is_recorded, "the good uplink, and all others")
    assert await value(engine, "select count(*) from device") == 1 + BOUND
    assert await value(engine, "select count(*) from uplink") == 1 + UNKNOWN
    counts = "select count(*) from rejection where reason = '{}'"
    assert await value(engine, counts.format("too_many_devices")) == UNKNOWN - BOUND
    assert await value(engine, counts.format("malformed")) == UNKNOWN
    assert 0 < await value(engine, "select sum(length(payload)) from rejection") <= BYTES
    assert daemon.metric("parking_gateway_devices_added_total") == BOUND
    assert daemon.metric("parking_gateway_rejections_without_payload_total") > 0
    assert daemon.metric('parking_gateway_rejections_total{reason="too_many_devices"}') == UNKNOWN - BOUND

    async def is_named() -> bool:
        found = await read_retained(guarded.url, f"{ROOT}/gateways")
        problems = " ".join(json.loads(found[f"{ROOT}/gateways/test/health"])["problems"])
        return "limits.new_devices_per_hour" in problems and "limits.rejected_bytes_per_hour" in problems

    await until(is_named, "the problems in the health")
    doctor = await asyncio.to_thread(forked.run, "doctor", "--listen", "0", env=daemon.environment)
    assert "More new devices came within an hour than limits.new_devices_per_hour" in doctor.stdout
    assert "More bytes were rejected within an hour than limits.rejected_bytes_per_hour" in doctor.stdout
    assert daemon.terminate() == 0
    log = daemon.log.read_text()
    assert log.count("More new devices came within an hour") == log.count("More bytes were rejected within") == 1
