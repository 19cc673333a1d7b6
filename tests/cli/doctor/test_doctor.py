"""`doctor` beside a real broker and a real database."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from parking_gateway import chirpstack
from parking_gateway.broker.link import connected
from parking_gateway.cli import app
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.doctor.surroundings import Check, examine_broker, examine_database
from parking_gateway.contract.publication import Publication
from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import Config, load
from parking_gateway.store import diagnosis
from parking_gateway.store.diagnosis import RefusedFrames
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests.broker.conftest import Peer
from tests.events import NOON, OCCUPIED, message, topic_of, up
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
DEVICE = "a840410000000001"
Doctor = Callable[..., Result]


def config_for(broker: Broker, **mqtt: object) -> Config:
    return load(overrides={"mqtt": {"url": broker.url, **mqtt}})


async def published(broker: Broker, *, qos: int) -> None:
    """Publish an event again and again until cancelled, so that a subscriber receives the next one."""
    async with aiomqtt.Client(LOCALHOST, broker.port) as network_server:
        while True:
            await network_server.publish(topic_of(DEVICE), up(DEVICE), qos=qos)
            await asyncio.sleep(0.01)


async def checked_while_publishing(broker: Broker, *, qos: int, **mqtt: object) -> list[Check]:
    """The checks of a broker on which ChirpStack publishes with this QoS."""
    publishing = asyncio.create_task(published(broker, qos=qos))
    try:
        return await examine_broker(config_for(broker, **mqtt), listen=timedelta(seconds=20))
    finally:
        publishing.cancel()


async def test_events_that_the_broker_keeps_are_fine(broker: Broker) -> None:
    checks = await checked_while_publishing(broker, qos=1)
    assert [check.about for check in checks] == ["broker", "events"]
    assert [check.fix for check in checks] == [None, None]


@pytest.mark.usefixtures("lasting")  # amqtt also hands out at QoS 1 what was published at 0
async def test_events_at_qos_0_are_found(broker: Broker) -> None:
    """QoS 0 is the default of ChirpStack, and nothing else shows it before an event is lost."""
    _, events = await checked_while_publishing(broker, qos=0)
    assert "at QoS 0" in events.detail
    assert events.fix
    assert "qos = 1" in events.fix


async def test_events_that_do_not_come_are_not_judged(broker: Broker) -> None:
    _, events = await examine_broker(config_for(broker), listen=timedelta(0))
    assert events.fix is None
    assert "not known whether this user may read them" in events.detail


async def test_a_subscription_that_is_granted_at_qos_0_is_wrong() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        await peer.connect()
        _, subscribe = await peer.packet()
        await peer.send(b"\x90\x03" + subscribe[:2] + b"\x00")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, LOCALHOST, 0) as server:
        url = f"mqtt://{LOCALHOST}:{server.sockets[0].getsockname()[1]}"
        config = load(overrides={"mqtt": {"url": url, "protocol": "3.1.1"}})
        _, events = await examine_broker(config, listen=timedelta(0))
    assert (events.about, events.verdict) == ("events", "wrong")
    assert "at QoS 0 only" in events.detail


async def test_a_broker_that_takes_few_publications_at_a_time_is_a_warning(configured: Configured) -> None:
    narrow = configured("max_inflight_messages 10\n")
    *_, check = await examine_broker(config_for(narrow, protocol="5"), listen=timedelta(0))
    assert (check.about, check.verdict) == ("broker", "warning")
    assert "it takes 10 publications at a time" in check.detail


async def test_a_broker_that_is_away_is_a_sentence() -> None:
    (check,) = await examine_broker(load(overrides={"mqtt": {"url": "mqtt://127.0.0.1:1"}}), listen=timedelta(0))
    assert "mqtt://127.0.0.1:1 cannot be used" in check.detail
    assert check.fix


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_gateway_is_not_disturbed(mosquitto: Broker, protocol: str) -> None:
    """It keeps its connection, its session and every event, and doctor leaves nothing on the broker."""
    config = config_for(mosquitto, protocol=protocol, shared_group="gateways")
    async with aiomqtt.Client(LOCALHOST, mosquitto.port, identifier=config.mqtt.client_id) as gateway:
        await gateway.subscribe(config.subscription, qos=1)
        await examine_broker(config, listen=timedelta(0))
        async with aiomqtt.Client(LOCALHOST, mosquitto.port) as network_server:
            for _ in range(5):
                await network_server.publish(topic_of(DEVICE), up(DEVICE), qos=1)
        async with asyncio.timeout(20):
            for _ in range(5):
                await anext(gateway.messages)
    left = config.mqtt.model_copy(update={"client_id": f"{config.mqtt.client_id}-doctor-{os.getpid()}"})
    will = Publication(topic="t", payload=b"", retain=False)
    async with connected(left, will=will, inbox_limit=1, window=1) as link:
        assert not link.session_present


async def test_a_database_that_can_be_used(engine: AsyncEngine) -> None:
    (check,) = await examine_database(Pool(engine), Decoder())
    assert check.fix is None
    assert "it answers" in check.detail


async def test_an_installation_with_which_the_gateway_would_not_start(engine: AsyncEngine, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = 'nwave_nps405'"))
    _, check = await examine_database(Pool(engine), Decoder())
    assert device in check.detail
    assert "needs the option layout" in check.detail
    assert check.fix == "parking-gateway doctor --devices"


async def test_a_device_with_several_sensors_is_one_device(
    doctor: Doctor, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(4)
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(f"update installation set dev_eui = '{DEVICE}', channel = space_id, codec = 'dragino_dds04_lb'")
        )
        await connection.execute(sa.text(f"delete from device where dev_eui <> '{DEVICE}'"))
    ran = await asyncio.to_thread(doctor)
    assert f"devices: 1 device never heard: {DEVICE}\n" in ran.stdout


async def test_a_counter_is_named_with_its_zone_and_its_direction(
    doctor: Doctor, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from installation"))
        await connection.execute(
            sa.text(f"insert into counter (dev_eui, zone_id, direction) select '{DEVICE}', id, 'out' from zone")
        )
        await connection.execute(sa.text("update device set heard_at = now()"))
    found = json.loads((await asyncio.to_thread(doctor, "--devices", "--json")).stdout)["findings"]
    assert [(one["space"], one["fix"]) for one in found] == [
        (
            "central/level-1",
            f"parking-gateway zones counter add {DEVICE} central/level-1 --direction out --codec NAME",
        )
    ]


async def recorded(engine: AsyncEngine, *payloads: bytes) -> None:
    """Record uplinks of the device with the present time."""
    now = datetime.now(UTC)
    batch = [message(DEVICE, up(DEVICE, payload, f_cnt=number)) for number, payload in enumerate(payloads)]
    async with engine.begin() as connection:
        found = read(batch, received_at=now, limits=LIMITS)
        await record(PipelinedConnection(connection), found, decoder=Decoder(), announce_every=timedelta(hours=1))


async def refused(engine: AsyncEngine, *, since: datetime) -> dict[DevEui, RefusedFrames]:
    async with Pool(engine).connect() as connection:
        (frames,) = await connection.together(diagnosis.refused(since=since))
    return frames


async def test_refused_frames_are_counted_and_the_last_is_shown(engine: AsyncEngine, car_park: CarPark) -> None:
    """Also frames on which the codec failed, and only frames since the given time."""
    await car_park(2)
    await recorded(engine, b"\x01\x02", OCCUPIED, b"\x01\x02\x03")
    lately = datetime.now(UTC) - timedelta(hours=1)
    assert await refused(engine, since=lately) == {
        DEVICE: RefusedFrames(
            count=2,
            detail="bosch_tps110_v029: no message on port 1 has 3 bytes",
            f_port=1,
            data=b"\x01\x02\x03",
        )
    }
    assert await refused(engine, since=datetime.now(UTC) + timedelta(hours=1)) == {}


async def test_a_refused_frame_whose_uplink_is_gone_is_still_counted(engine: AsyncEngine, car_park: CarPark) -> None:
    await car_park(1)
    await recorded(engine, b"\x01\x02")
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from uplink"))
    (frames,) = (await refused(engine, since=NOON - timedelta(days=3650))).values()
    assert (frames.count, frames.f_port, frames.data) == (1, None, None)


# --- the command


@pytest.fixture
def doctor(database: str, broker: Broker) -> Doctor:
    """Run the command for the broker and the database of the test."""
    variables = {
        "PARKING_GATEWAY_DATABASE__URL": database,
        "PARKING_GATEWAY_MQTT__URL": broker.url,
        # `auto` costs a timeout on a broker that does not answer MQTT 5.
        "PARKING_GATEWAY_MQTT__PROTOCOL": broker.protocols[0],
        "PARKING_GATEWAY_GATEWAY__INSTANCE": "test",
        "PARKING_GATEWAY_TELEMETRY__LISTEN": "",
    }

    def run(*arguments: str, **more: str) -> Result:
        command = ["doctor", "--listen", "0", *arguments]
        return CliRunner().invoke(app, command, env=variables | more, catch_exceptions=False)

    return run


@pytest.mark.usefixtures("lasting", "synced")  # amqtt does not report for how long it keeps a session
async def test_nothing_wrong_is_status_0(
    doctor: Doctor, daemon: Daemon, engine: AsyncEngine, car_park: CarPark
) -> None:
    """A check that was not possible is not fine: no event came."""
    await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update device set heard_at = now() - interval '25 hours'"))
    daemon.start_and_wait()
    of_daemon = ("PARKING_GATEWAY_MQTT__CLIENT_ID", "PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY")
    ran = await asyncio.to_thread(doctor, **{name: daemon.environment[name] for name in of_daemon})
    assert ran.exit_code == 0
    *checks, summary = ran.stdout.splitlines()
    assert [line.split(":")[0] for line in checks] == [
        "fine     gateway",
        "fine     broker",
        "unknown  events",
        "fine     topics",
        "fine     retained",
        "fine     session",
        "unknown  queue",
        "fine     journal",
        "fine     journal disk",
        "fine     database",
        "fine     server",
        "fine     standby",
        "fine     durability",
        "fine     machine clock",
        "fine     subscriptions",
        "fine     spaces",
        "fine     devices",
        "unknown  network server",
        "unknown  clocks",
        "fine     partitions",
        "fine     retention",
    ]
    assert summary == "0 wrong, 4 unknown, 17 fine"
    assert (await asyncio.to_thread(doctor, "--devices")).exit_code == 0


def test_a_broker_that_is_away_does_not_hide_the_database(doctor: Doctor) -> None:
    ran = doctor(PARKING_GATEWAY_MQTT__URL="mqtt://127.0.0.1:1")
    assert ran.exit_code == 1
    assert "wrong    broker: mqtt://127.0.0.1:1" in ran.stdout
    assert "unknown  broker: its events, topics, retained messages, session and queue were not checked" in ran.stdout
    assert "fine     database" in ran.stdout


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("postgresql://nobody@127.0.0.1:1/none", "refused"), ("{empty}", "The database has no schema yet")],
)
def test_a_database_that_cannot_be_used_is_shown_with_its_reason(
    doctor: Doctor, empty_database: str, url: str, sentence: str
) -> None:
    ran = doctor(PARKING_GATEWAY_DATABASE__URL=url.format(empty=empty_database))
    assert ran.exit_code == 1
    assert "fine     broker" in ran.stdout
    assert "wrong    database" in ran.stdout
    assert "unknown  database: its durability, clocks, subscriptions, spaces and devices were not checked" in ran.stdout
    assert sentence in ran.stdout


def test_scripts_read_the_same_as_json(doctor: Doctor) -> None:
    ran = doctor("--json", PARKING_GATEWAY_MQTT__URL="mqtt://127.0.0.1:1")
    assert ran.exit_code == 1
    gateway, broker, _, _, database, *_ = json.loads(ran.stdout)
    assert (gateway["about"], gateway["verdict"], gateway["fix"]) == ("gateway", "unknown", None)
    assert (broker["about"], broker["verdict"]) == ("broker", "wrong")
    assert (database["about"], database["verdict"], database["fix"]) == ("database", "fine", None)
    assert json.loads(doctor("--devices", "--json").stdout)["findings"] == []


def test_a_wrong_configuration_is_status_78(doctor: Doctor) -> None:
    assert doctor(PARKING_GATEWAY_MQTT__URL="ftp://x").exit_code == 78


async def test_the_command_keeps_the_limit_of_silence(doctor: Doctor, engine: AsyncEngine, car_park: CarPark) -> None:
    """An assignment replaces `lost_after`, so the command repeats it."""
    await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = null, lost_after = 7200"))
    found = json.loads((await asyncio.to_thread(doctor, "--devices", "--json")).stdout)
    assert (
        found["findings"][0]["fix"]
        == f"parking-gateway devices assign {DEVICE} central/level-1/A-1 --codec NAME --lost-after 7200"
    )


async def test_devices_are_named_with_the_command_that_helps(
    doctor: Doctor, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(1)
    await recorded(engine, b"\x01\x02")
    async with engine.begin() as connection:
        await connection.execute(sa.text("update device set heard_at = now()"))
        await connection.execute(sa.text("insert into device (dev_eui) values ('00000000000000ff')"))
    ran = await asyncio.to_thread(doctor, "--devices")
    assert ran.exit_code == 1
    why = "bosch_tps110_v029: no message on port 1 has 2 bytes"
    assert ran.stdout.splitlines() == [
        "00000000000000ff: unassigned: it watches no space",
        "    parking-gateway devices assign 00000000000000ff SITE/ZONE/SPACE",
        f"{DEVICE} bay 001 in central/level-1/A-1: undecodable: 1 frame within a day, the last: {why}",
        "    parking-gateway decode bosch_tps110_v029 --port 1 0102",
    ]
