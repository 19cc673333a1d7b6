"""The round of downlinks, with the answers of a network: what indicators show, limits, retries, and what people see."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import downlinks
from parking_gateway.clock.moment import Moment
from parking_gateway.core import line
from parking_gateway.core.committed import Committed
from parking_gateway.core.downlink import Downlink
from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config.downlinks import DownlinksConfig
from parking_gateway.store import downlinks as stored
from parking_gateway.store import indicators
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, about, message, up
from tests.plugins.car_park import build

LAMP, SECOND_LAMP = DevEui("ca10000000000001"), DevEui("ca10000000000002")
TOPIC = "eu/application/{application}/device/{device}/command/down"
GREEN, RED = bytes.fromhex("0000ffff00"), bytes.fromhex("ff0000ff00")
SECOND = timedelta(seconds=1)
LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
CONFIG = DownlinksConfig(device_interval=5, gateway_interval=1, attempts=2, retry_wait_min=5, retry_wait_max=60)


class Park:
    """A car park with lamps, and a network that answers as the test says."""

    def __init__(self, pool: Pool, sensors: Sequence[str]) -> None:
        self.pool = pool
        self.sensors = sensors
        self.config = CONFIG
        self.command_topic: str | None = TOPIC

    async def rows(self, query: str) -> Sequence[Any]:
        """The answer of a query, or nothing."""
        async with self.pool.engine.begin() as connection:
            result = await connection.execute(sa.text(query))
            return result.all() if result.returns_rows else []

    async def recorded(self, *batch: Message, seconds: float = 0) -> Committed:
        """Let the intake record the batch."""
        found = read(batch, received_at=NOON + seconds * SECOND, limits=LIMITS)
        async with self.pool.connect() as connection:
            return await record(connection, found, decoder=Decoder(), announce_every=timedelta(days=1))

    async def heard(self, device: str, payload: bytes, *, seconds: float, f_cnt: int = 0) -> Committed:
        """An uplink."""
        event = up(device, payload, at=seconds / 60, f_cnt=f_cnt)
        return await self.recorded(message(device, event), seconds=seconds)

    async def answered(self, event: str, device: str, *, seconds: float, **fields: object) -> None:
        """Another event."""
        payload = about(device, at=seconds / 60, **fields)
        await self.recorded(message(device, payload, event=event), seconds=seconds)

    async def shows(self, lamp: DevEui, *places: dict[str, int], **sign: int) -> None:
        """Make the lamp an indicator."""
        given = {"model": "busylight", "buffer": 0, "hysteresis": 0, **sign}
        async with self.pool.connect() as connection:
            await connection.commit_together(*indicators.add(lamp, places=places, **given))  # type: ignore[arg-type]

    async def round(self, seconds: float) -> list[dict[str, Any]]:
        """Go the round so many seconds after noon. Returns the messages for ChirpStack."""
        moment = Moment(
            now=NOON + seconds * SECOND,
            listening_since=NOON,
            lost_after=timedelta(days=1),
            downlinks=self.config,
            command_topic=self.command_topic,
        )
        await downlinks.go(self.pool, moment)
        sent = await self.rows("delete from outgoing where body ->> 'type' = 'command' returning id, body")
        bodies = [body for _, body in sorted(sent)]
        return [{"topic": body["topic"], **json.loads(msgspec.convert(body["payload"], bytes))} for body in bodies]

    async def status(self, lamp: DevEui = LAMP) -> tuple[str, bool]:
        """The published state of the last downlink, and whether it is acknowledged."""
        ((status,),) = await self.rows(f"select downlink from device where dev_eui = '{lamp}'")
        return status["state"], status["acknowledged"]


@pytest.fixture
async def park(pool: Pool) -> Park:
    found = Park(pool, await build(pool.engine, 3))
    for lamp in (LAMP, SECOND_LAMP):
        await found.heard(lamp, b"\x01", seconds=0)
    return found


async def test_a_lamp_follows_its_space(park: Park) -> None:
    """Wished, sent, transmitted, acknowledged; then the next colour, and never the same one twice."""
    await park.shows(LAMP, {"space_id": 1})
    (sent,) = await park.round(1)
    assert sent["topic"] == f"eu/application/a4d93f72-f38e-4a23-b773-343f0e8eaade/device/{LAMP}/command/down"
    assert (sent["devEui"], sent["fPort"], sent["confirmed"]) == (LAMP, 15, True)
    assert msgspec.convert(sent["data"], bytes) == GREEN
    assert sent["expiresAt"] == (NOON + 61 * SECOND).isoformat().replace("+00:00", "Z")
    assert await park.status() == ("pending", False)
    await park.answered("txack", LAMP, seconds=2, queueItemId=sent["id"], gatewayId="0102")
    assert await park.status() == ("pending", False)
    await park.answered("ack", LAMP, seconds=3, queueItemId=sent["id"], acknowledged=True)
    assert await park.status() == ("shown", True)
    assert await park.round(20) == []
    await park.heard(park.sensors[0], OCCUPIED, seconds=30)
    await park.heard(park.sensors[0], VACANT, seconds=31, f_cnt=1)
    assert await park.round(32) == [], "the colour is the same"
    await park.heard(park.sensors[0], OCCUPIED, seconds=40, f_cnt=2)
    (sent,) = await park.round(41)
    assert msgspec.convert(sent["data"], bytes) == RED
    assert await park.rows("select gateway from downlink order by wished_at") == [("0102",), (None,)]


async def test_the_latest_wish_waits_while_another_one_is_under_way(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 1})
    (green,) = await park.round(1)
    await park.heard(park.sensors[0], OCCUPIED, seconds=10)
    assert await park.round(11) == []
    await park.answered("ack", LAMP, seconds=12, queueItemId=green["id"], acknowledged=True)
    (red,) = await park.round(13)
    assert msgspec.convert(red["data"], bytes) == RED


async def test_a_lamp_without_an_answer_is_tried_again_and_counts_as_failed(park: Park) -> None:
    """The id stays, so ChirpStack does not hold it twice. One notice, and the end of the failure is seen."""
    await park.shows(LAMP, {"space_id": 1})
    (first,) = await park.round(1)
    await park.answered("ack", LAMP, seconds=3, queueItemId=first["id"], acknowledged=False)
    assert await park.round(4) == []
    (second,) = await park.round(9)
    assert second["id"] == first["id"]
    assert await park.round(70) == []
    assert await park.status() == ("failed", False)
    ((kind, dev_eui, details),) = await park.rows("select kind, dev_eui, details from notice")
    assert (kind, dev_eui, details["attempts"]) == ("downlink_failed", LAMP, 2)
    (third,) = await park.round(131)
    await park.answered("txack", LAMP, seconds=132, queueItemId=third["id"])
    await park.answered("ack", LAMP, seconds=133, queueItemId=third["id"], acknowledged=True)
    assert await park.status() == ("shown", True)
    assert len(await park.rows("select from notice")) == 1


async def test_after_a_join_a_lamp_is_set_again(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 1})
    (first,) = await park.round(1)
    await park.answered("ack", LAMP, seconds=3, queueItemId=first["id"], acknowledged=True)
    await park.answered("join", LAMP, seconds=30, devAddr="01020304")
    assert await park.status() == ("pending", False)
    (again,) = await park.round(31)
    assert again["data"] == first["data"]


async def test_one_lorawan_gateway_sends_one_downlink_a_second(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 1})
    await park.shows(SECOND_LAMP, {"space_id": 1})
    sent = [[one["devEui"] for one in await park.round(seconds)] for seconds in (1, 1.9, 2, 9)]
    assert [len(devices) for devices in sent] == [1, 0, 1, 0]
    assert {*sent[0], *sent[2]} == {LAMP, SECOND_LAMP}


async def test_two_gateways_send_a_downlink_once(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 1})
    sent = await asyncio.gather(*(park.round(1) for _ in range(4)))
    await park.round(1.1)
    assert sum(len(one) for one in sent) == 1
    assert await park.rows("select attempts from downlink") == [(1,)]


async def test_a_sign_shows_the_free_spaces_of_places_without_its_buffer(park: Park) -> None:
    model = {"f_port": 7, "free": "01 {free:u8}", "occupied": "00"}
    park.config = DownlinksConfig(models={"sign": model}, device_interval=1)
    await park.shows(LAMP, {"zone_id": 1}, {"space_id": 1}, model="sign", buffer=1, hysteresis=1)  # type: ignore[arg-type]
    (sent,) = await park.round(1)
    assert (sent["fPort"], msgspec.convert(sent["data"], bytes)) == (7, b"\x01\x02")
    await park.answered("txack", LAMP, seconds=2, queueItemId=sent["id"])
    assert await park.status() == ("shown", False)
    pictures = []
    for seconds, count in ((10, 2), (20, 1), (30, 2), (40, 3)):
        await park.rows(
            f"update space set occupancy = case when id > {count} then 'occupied' end,"
            f" state = case when id > {count} then 'OCCUPIED' else 'FREE' end"
        )
        await park.rows("update zone set version = version + 1")
        for one in await park.round(seconds):
            pictures.append(msgspec.convert(one["data"], bytes).hex())
            await park.answered("txack", LAMP, seconds=seconds + 1, queueItemId=one["id"])
    assert pictures == ["0101", "00", "0102"]
    assert await park.rows("select is_full from indicator") == [(False,)]


async def test_a_sign_shows_the_places_of_a_counted_zone(park: Park) -> None:
    """By its counter, and not by its spaces, once however many places name it."""
    park.config = DownlinksConfig(
        models={"sign": {"f_port": 7, "free": "01 {free:u8} {occupied:u8}", "occupied": "00"}}
    )
    await park.rows("update zone set capacity = 100, count = 40, version = version + 1")
    await park.shows(LAMP, {"zone_id": 1}, {"site_id": 1}, model="sign")  # type: ignore[arg-type]
    (sent,) = await park.round(1)
    assert msgspec.convert(sent["data"], bytes) == bytes((1, 60, 40))


async def test_a_device_that_no_event_has_named_waits_and_then_has_failed(park: Park) -> None:
    stranger = DevEui("ca10000000000003")
    await park.shows(stranger, {"site_id": 1})
    assert await park.round(1) == await park.round(6) == []
    ((details,),) = await park.rows("select details from notice")
    assert details["detail"] == downlinks.NO_APPLICATION
    await park.answered("join", stranger, seconds=7, devAddr="01020304")
    assert [one["devEui"] for one in await park.round(8)] == [stranger]


@pytest.mark.parametrize(("application", "topic", "why"), [("a/b", TOPIC, "NO_TOPIC"), ("a", None, "NO_TOPIC")])
async def test_a_downlink_without_a_topic_is_not_sent(
    park: Park, application: str, topic: str | None, why: str
) -> None:
    await park.rows(f"update device set application_id = '{application}'")
    park.command_topic = topic
    await park.shows(LAMP, {"space_id": 1})
    assert await park.round(1) == []
    assert await park.rows("select detail from downlink") == [(getattr(downlinks, why),)]


async def test_an_indicator_of_removed_places_or_of_an_unknown_model_keeps_its_picture(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 3})
    await park.shows(SECOND_LAMP, {"space_id": 1}, model="gone")  # type: ignore[arg-type]
    await park.rows("delete from installation where space_id = 3")
    await park.rows("delete from space where id = 3")
    assert await park.round(1) == []
    assert await park.rows("select from downlink") == []


async def test_a_changed_model_is_shown(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 1}, model="sign")  # type: ignore[arg-type]
    assert await park.round(1) == []
    park.config = DownlinksConfig(models={"sign": {"f_port": 7, "free": "01", "occupied": "00"}})
    (sent,) = await park.round(2)
    assert (sent["fPort"], sent["data"]) == (7, "AQ==")
    assert await park.round(3) == []


async def test_a_command_expires_and_is_published_as_failed(park: Park) -> None:
    at = NOON + SECOND
    calibrate = Downlink(
        id=uuid4(),
        dev_eui=LAMP,
        purpose="calibrate",
        f_port=1,
        data=b"\x01",
        by="anna",
        wished_at=at,
        answer_within=timedelta(days=1),
        expires_at=at + 9 * SECOND,
        next_at=at,
    )
    async with park.pool.connect() as connection:
        await connection.commit_together(*stored.save([], line.wished({}, calibrate).values()))
    (sent,) = await park.round(2)
    assert sent["expiresAt"] == (NOON + 10 * SECOND).isoformat().replace("+00:00", "Z")
    assert await park.round(10) == []
    assert await park.status() == ("failed", False)


async def test_events_about_other_downlinks_change_nothing(park: Park) -> None:
    await park.answered("txack", LAMP, seconds=2, queueItemId=str(uuid4()))
    await park.answered("join", park.sensors[0], seconds=3, devAddr="01020304")
    assert await park.rows("select from downlink") == []


async def test_old_downlinks_are_deleted_and_what_a_device_shows_is_kept(park: Park) -> None:
    await park.shows(LAMP, {"space_id": 1})
    for seconds, occupancy in ((1, OCCUPIED), (20, VACANT)):
        (sent,) = await park.round(seconds)
        await park.answered("ack", LAMP, seconds=seconds + 1, queueItemId=sent["id"], acknowledged=True)
        await park.heard(park.sensors[0], occupancy, seconds=seconds + 2, f_cnt=int(seconds))
    async with park.pool.connect() as connection:
        await connection.commit_together(stored.delete_old(NOON + timedelta(days=4)))
    assert await park.rows("select data from downlink") == [(RED,)]
