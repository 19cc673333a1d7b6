"""One device with several sensors: a Dragino DDS04 with a probe above each of four spaces."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.events import DevEui, Reason
from parking_gateway.core.sensor import SensorRule
from parking_gateway.register.entries import Assignment, Entry, Place
from tests.events import NOON, dev_eui_of, message, up
from tests.intake.test_record import recorded, rows
from tests.plugins.car_park import CarPark
from tests.register.test_registering import kept

CAR, FLOOR = "0316", "09c4"
CODEC = "dragino_dds04_lb"
_INSTALL = (
    "insert into installation (dev_eui, channel, space_id, codec, options) select 'a840410000000001',"
    " row_number() over (order by id), id, 'dragino_dds04_lb', jsonb_build_object('occupied_below_mm', '1500') from space"
)


async def with_probes(engine: AsyncEngine, car_park: CarPark) -> str:
    """Four spaces, each with a channel of one device."""
    device, *_ = await car_park(4)
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from installation"))
        await connection.execute(sa.text(_INSTALL))
    return device


async def test_each_channel_changes_its_own_space(engine: AsyncEngine, car_park: CarPark) -> None:
    device = await with_probes(engine, car_park)
    frame = bytes.fromhex(f"0d4a {CAR} {FLOOR} 0000 {CAR} 01")
    outcome = await recorded(engine, message(device, up(device, frame, f_port=2)))
    assert len(outcome.recorded) == 1
    assert await rows(engine, "select space, state, occupancy, contact from space_state order by space") == [
        ("A-1", "OCCUPIED", "occupied", "live"),
        ("A-2", "FREE", "vacant", "live"),
        ("A-3", "FREE", "unknown", "live"),
        ("A-4", "OCCUPIED", "occupied", "live"),
    ]
    assert await rows(engine, "select battery_volts, codec from device where contact = 'live'") == [
        (pytest.approx(3.402), "dragino_dds04_lb")
    ]


@pytest.mark.parametrize("rule", SensorRule)
@pytest.mark.parametrize("before", [(CAR, FLOOR), (FLOOR, CAR)])
async def test_two_channels_of_one_space_change_it_at_once(
    engine: AsyncEngine, rule: SensorRule, before: tuple[str, str]
) -> None:
    """Else a car that moves from one probe to the other leaves for a moment, and its reservation is over."""
    device = DevEui(dev_eui_of(1))
    place = Place("central", "level-1", "A-1")
    for channel in (1, 2):
        probe = Assignment(dev_eui=device, channel=channel, codec=CODEC, options={"occupied_below_mm": "1500"})
        await kept(engine, Entry(place=place, assignment=probe, sensors=rule, is_further=True))
    for number, (one, other) in enumerate([(FLOOR, FLOOR), before, before[::-1]]):
        frame = bytes.fromhex(f"0d4a {one} {other} 0000 0000 01")
        await recorded(engine, message(device, up(device, frame, f_port=2, at=number, f_cnt=number)))
    expected = [("OCCUPIED",)] if rule is SensorRule.ANY else []
    assert await rows(engine, 'select "to" from transition order by id') == expected


async def test_a_frame_that_no_channel_can_read_is_rejected_once(engine: AsyncEngine, car_park: CarPark) -> None:
    device = await with_probes(engine, car_park)
    outcome = await recorded(engine, message(device, up(device, b"\x0d\x4a", f_port=2)))
    assert [one.rejection.reason for one in outcome.rejected] == [Reason.UNDECODABLE]


async def test_past_readings_keep_their_channels(engine: AsyncEngine, car_park: CarPark) -> None:
    device = await with_probes(engine, car_park)
    at = NOON.replace(microsecond=0) - timedelta(hours=1)
    frame = bytes.fromhex(f"00 {CAR} {FLOOR} 0000 {int(at.timestamp()):08x}")
    await recorded(engine, message(device, up(device, frame, f_port=3)))
    past = "select position, channel, at, occupancy, distance_mm from past_reading order by position"
    assert await rows(engine, past) == [
        (0, 1, at, "occupied", 790),
        (1, 2, at, "vacant", 2500),
        (2, 3, at, None, None),
    ]
    assert await rows(engine, "select distinct state, occupancy from space_state") == [("FREE", "unknown")]
