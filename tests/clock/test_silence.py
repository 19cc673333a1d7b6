"""A sensor that is silent for too long is lost: by its own limit, its profile's, or the default."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import silence
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import opened
from tests.events import NOON, OCCUPIED, VACANT, message, up
from tests.plugins.car_park import CarPark

HOUR = timedelta(hours=1)
LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)


async def recorded(engine: AsyncEngine, *batch: Message) -> Committed:
    """Record the batch and commit."""
    found = read(batch, received_at=NOON + 9 * HOUR, limits=LIMITS)
    async with engine.connect() as connection:
        return await record(PipelinedConnection(connection), found, decoder=Decoder(), announce_every=99 * HOUR)


async def lapsed(
    url: str,
    *,
    hours: float,
    listening_since: datetime | None = NOON - 99 * HOUR,
    by_profile: dict[str, timedelta] | None = None,
    missed_heartbeats: int = 0,
) -> Committed:
    """What the clock commits so many hours after noon. By default, a device may be silent for two hours."""
    moment = Moment(
        now=NOON + hours * HOUR,
        listening_since=listening_since,
        lost_after=2 * HOUR,
        lost_after_by_profile=by_profile or {},
        missed_heartbeats=missed_heartbeats,
    )
    async with opened(url, DatabaseConfig()) as pool:
        return await silence.go(pool, moment)


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


async def test_a_silent_sensor_is_lost_and_its_space_keeps_its_state(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    silent, live = await car_park(2)
    await recorded(engine, message(silent, up(silent, OCCUPIED)), message(live, up(live, OCCUPIED, at=90)))
    versions = "select sum(version) from device"
    ((before,),) = await rows(engine, versions)
    committed = await lapsed(database, hours=2.5)
    assert (committed.lost, committed.steps, len(committed.changed)) == ([silent], [], 1)
    (notice,) = committed.notices
    assert (notice.kind, notice.dev_eui, notice.details) == ("silent", silent, {"last_heard": NOON.isoformat()})
    assert await rows(engine, "select kind, space, dev_eui from notice") == [("silent", "A-1", silent)]
    assert await rows(engine, "select contact, state from space order by name") == [
        ("lost", "OCCUPIED"),
        ("live", "OCCUPIED"),
    ]
    assert await rows(engine, f"select contact, problem from device where dev_eui = '{silent}'") == [("lost", "silent")]
    assert await rows(engine, versions) == [(before + 1,)]


async def test_a_lost_sensor_is_lost_once_and_live_with_its_next_uplink(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device, VACANT)))
    assert (await lapsed(database, hours=3)).lost == [device]
    assert await lapsed(database, hours=4) == Committed()
    committed = await recorded(engine, message(device, up(device, VACANT, at=300, f_cnt=2)))
    assert len(committed.changed) == 1
    both = "select space.contact, device.contact from space, device"
    assert await rows(engine, both) == [("live", "live")]


async def test_the_limit_is_the_installations_else_the_profiles_else_the_default(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    own, profiled, default = await car_park(3)
    async with engine.begin() as connection:
        limit = "update installation set lost_after = 18000 where dev_eui = :own"
        await connection.execute(sa.text(limit), {"own": own})
    await recorded(
        engine,
        message(own, up(own, profile="P")),
        message(profiled, up(profiled, profile="P")),
        message(default, up(default, profile="Q")),
    )
    by_profile = {"P": 4 * HOUR}
    for hours, lost in ((1.9, []), (2.1, [default]), (3.9, []), (4.1, [profiled]), (4.9, []), (5.1, [own])):
        assert (await lapsed(database, hours=hours, by_profile=by_profile)).lost == lost, hours


@pytest.mark.parametrize("listening_since", [None, NOON + 2 * HOUR])
async def test_silence_counts_only_while_the_gateway_listens(
    engine: AsyncEngine, database: str, car_park: CarPark, listening_since: datetime | None
) -> None:
    """Else an absence of the gateway or of the broker would be the absence of every sensor."""
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device)))
    assert await lapsed(database, hours=3.9, listening_since=listening_since) == Committed()
    assert (await lapsed(database, hours=4.1, listening_since=NOON + 2 * HOUR)).lost == [device]


async def test_an_uplink_that_comes_first_keeps_its_sensor_live(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """The turn decides about the locked space, and not about the space that was looked up."""
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device)))
    await recorded(engine, message(device, up(device, at=180, f_cnt=2)))
    assert await lapsed(database, hours=4) == Committed()


async def test_a_sensor_that_is_heard_again_ends_its_notice_and_makes_another(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device)))
    await lapsed(database, hours=3)
    assert (await lapsed(database, hours=3.5)).notices == []
    await recorded(engine, message(device, up(device, at=240, f_cnt=2)))
    (notice,) = (await lapsed(database, hours=4.5)).notices
    ((silent, is_over),) = await rows(engine, "select id, over_at is not null from notice where kind = 'silent'")
    assert (notice.kind, notice.dev_eui, notice.details, is_over) == ("heard_again", device, {"silent": silent}, True)
    assert await lapsed(database, hours=4.6) == Committed()


async def test_a_car_park_that_falls_silent_at_once_makes_few_notices(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    devices = await car_park(silence.MOST_NOTICES + 7)
    *others, last = devices
    await recorded(engine, *[message(one, up(one)) for one in others])
    await recorded(engine, message(last, up(last, at=1)))
    *single, rest = (await lapsed(database, hours=2.001)).notices
    assert (len(single), rest.dev_eui, rest.details) == (silence.MOST_NOTICES, None, {"devices": 6})
    (one_more,) = (await lapsed(database, hours=2.1)).notices
    assert (one_more.dev_eui, one_more.details) == (None, {"devices": 1})
    await recorded(engine, *[message(one, up(one, at=240, f_cnt=2)) for one in devices])
    again = (await lapsed(database, hours=4.1)).notices
    assert {one.dev_eui for one in again} == {one.dev_eui for one in single}


async def test_one_of_two_silent_sensors_does_not_lose_its_space(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    silent, live = await car_park(2)
    keys = f"'{silent}/0', '{{}}'::jsonb, '{live}/0', '{{}}'::jsonb"
    sensors = f"jsonb_build_object('rule', 'any', 'by_key', jsonb_build_object({keys}))"
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set space_id = (select min(id) from space)"))
        await connection.execute(sa.text(f"update space set sensors = {sensors} where name = 'A-1'"))
    await recorded(engine, message(silent, up(silent, OCCUPIED)), message(live, up(live, VACANT, at=90)))
    first = await lapsed(database, hours=2.5)
    assert (first.lost, first.changed) == ([silent], [])
    assert await rows(engine, "select contact, state from space where name = 'A-1'") == [("live", "OCCUPIED")]
    assert (await lapsed(database, hours=2.6)).lost == []
    second = await lapsed(database, hours=4)
    assert second.lost == [live]
    assert await rows(engine, "select contact, state from space where name = 'A-1'") == [("lost", "OCCUPIED")]


async def test_a_limit_is_a_number_of_heartbeats_of_the_codec(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """The heartbeat of a Dragino LDDS75 is 20 minutes. A codec that does not exist has none."""
    declared, profiled, unknown = await car_park(3)
    async with engine.begin() as connection:
        for device, codec in ((declared, "dragino-LDDS75"), (profiled, "dragino_ldds75"), (unknown, "no_such_codec")):
            choose = "update installation set codec = :codec where dev_eui = :device"
            await connection.execute(sa.text(choose), {"codec": codec, "device": device})
    batch = [
        message(one, up(one, b"", profile="P" if one == profiled else "Q")) for one in (declared, profiled, unknown)
    ]
    await recorded(engine, *batch)
    by_profile = {"P": 4 * HOUR}
    for hours, lost in ((0.9, []), (1.1, [declared]), (1.9, []), (2.1, [unknown]), (3.9, []), (4.1, [profiled])):
        assert (await lapsed(database, hours=hours, by_profile=by_profile, missed_heartbeats=3)).lost == lost, hours


async def test_a_device_without_a_space_is_lost_too_until_its_next_uplink(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """Its row is written once in a while, so its last uplink counts."""
    await car_park(1)
    stranger = "a840410000000099"
    await recorded(engine, message(stranger, up(stranger)))
    await recorded(engine, message(stranger, up(stranger, at=60, f_cnt=1)))
    assert (await lapsed(database, hours=2.9)).lost == []
    committed = await lapsed(database, hours=3.1)
    (notice,) = committed.notices
    assert (committed.lost, notice.kind, notice.space) == ([stranger], "silent", None)
    assert notice.details == {"last_heard": (NOON + HOUR).isoformat()}
    found = f"select contact, problems from device where dev_eui = '{stranger}'"
    assert await rows(engine, found) == [("lost", ["silent"])]
    assert (await lapsed(database, hours=3.2)).lost == []
    await recorded(engine, message(stranger, up(stranger, at=240, f_cnt=2)))
    assert await rows(engine, found) == [("live", [])]
