"""The clock finds the problems of all devices, ends them, and sends a notice of each that begins."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import problems, stuck
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.process.config.devices import DevicesConfig
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import opened
from tests.events import NOON, OCCUPIED, message, up
from tests.plugins.car_park import CarPark

HOUR = timedelta(hours=1)
LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
NO_MESSAGE = b"\x01\x02\x03"
"""No frame of a Bosch TPS110."""


async def recorded(engine: AsyncEngine, *batch: Message, minutes: float = 0) -> Committed:
    """Record the batch, received so long after noon, and commit."""
    found = read(batch, received_at=NOON + timedelta(minutes=minutes), limits=LIMITS)
    async with engine.connect() as connection:
        return await record(PipelinedConnection(connection), found, decoder=Decoder(), announce_every=timedelta(0))


async def judged(
    url: str, *, hours: float = 0.5, profiles: Sequence[str] = (), devices: DevicesConfig | None = None
) -> Committed:
    """What a round commits so many hours after noon."""
    async with opened(url, DatabaseConfig()) as pool:
        return await problems.go(pool, moment(hours, profiles, devices))


async def compared(url: str, *, hours: float) -> Committed:
    """What a round that compares spaces with their neighbours commits."""
    async with opened(url, DatabaseConfig()) as pool:
        return await stuck.go(pool, moment(hours))


def moment(hours: float, profiles: Sequence[str] = (), devices: DevicesConfig | None = None) -> Moment:
    now = NOON + hours * HOUR
    return Moment(
        now=now,
        listening_since=NOON - 99 * HOUR,
        lost_after=25 * HOUR,
        profiles=profiles,
        devices=devices or DevicesConfig(),
    )


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


async def execute(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def of_device(engine: AsyncEngine, device: str) -> list[str]:
    ((found,),) = await rows(engine, f"select problems from device where dev_eui = '{device}'")
    return list(found)


async def test_a_problem_is_published_counted_and_sent_once(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    good, low = await car_park(2)
    await recorded(engine, message(good, up(good)), message(low, up(low)))
    await execute(engine, f"update device set battery_percent = 20 where dev_eui = '{low}'")
    ((version,),) = await rows(engine, f"select version from device where dev_eui = '{low}'")
    committed = await judged(database)
    (notice,) = committed.notices
    assert (notice.kind, notice.dev_eui, notice.details) == ("battery_low", low, {"percent": 20, "volts": None})
    assert committed.device_problems == {problem: int(problem is Problem.BATTERY_LOW) for problem in Problem}
    assert committed.device_contacts == {Contact.NEVER: 0, Contact.LIVE: 2, Contact.LOST: 0}
    assert await rows(engine, "select kind, space, dev_eui from notice") == [("battery_low", "A-2", low)]
    assert await rows(engine, f"select problem, problems, version from device where dev_eui = '{low}'") == [
        ("battery_low", ["battery_low"], version + 1)
    ]
    assert (await judged(database)).notices == []
    assert await rows(engine, f"select version from device where dev_eui = '{low}'") == [(version + 1,)]
    await execute(engine, "update device set battery_percent = 26 where battery_percent = 20")
    assert (await judged(database)).device_problems == dict.fromkeys(Problem, 0)
    assert await of_device(engine, low) == []


async def test_volts_are_compared_with_those_of_the_codec(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    declared, other = await car_park(2)
    await execute(
        engine,
        "update device set battery_volts = 2.85, contact = 'live'",
        f"update installation set codec = 'nwave_nps405_current' where dev_eui = '{declared}'",
    )
    (notice,) = (await judged(database)).notices
    assert notice.dev_eui == declared
    assert await of_device(engine, other) == []


@pytest.mark.parametrize("chosen", ["dragino_ldds75", "Dragino-LDDS75"])
async def test_chosen_volts_are_those_of_every_spelling_of_a_codec(
    chosen: str, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """A codec that a tag or a profile names keeps the spelling that was typed there. A chosen limit wins over a declared one."""
    ours, typed, declared = await car_park(3)
    await execute(
        engine,
        "update device set battery_volts = 2.55, contact = 'live'",
        f"update installation set codec = 'dragino_ldds75' where dev_eui = '{ours}'",
        f"update installation set codec = 'NWAVE-NPS405-current' where dev_eui = '{declared}'",
        f"update installation set codec = '' where dev_eui = '{typed}'",
        f"update device set codec = 'DRAGINO-ldds75' where dev_eui = '{typed}'",
    )
    devices = DevicesConfig(battery_low_volts={chosen: 2.6, "nwave_nps405_current": 2.5})
    committed = await judged(database, devices=devices)
    assert [notice.dev_eui for notice in committed.notices] == [ours, typed]


async def test_an_indicator_needs_neither_a_space_nor_a_codec(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    lamp, left = await car_park(2)
    await recorded(engine, message(lamp, up(lamp)), message(left, up(left)))
    await execute(engine, "delete from installation")
    await judged(database)
    assert await of_device(engine, lamp) == ["unassigned"]
    await execute(engine, f"insert into indicator (dev_eui, model) values ('{lamp}', 'busylight')")
    await judged(database)
    assert (await of_device(engine, lamp), await of_device(engine, left)) == ([], ["unassigned"])


async def test_frames_in_a_row_that_cannot_be_decoded_are_a_problem_until_one_can(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    for f_cnt in range(3):
        assert (await judged(database)).notices == []
        frame = up(device, NO_MESSAGE, at=f_cnt, f_cnt=f_cnt)
        await recorded(engine, message(device, frame), minutes=f_cnt)
    (notice,) = (await judged(database)).notices
    assert (notice.kind, notice.details) == ("undecodable", {"frames": 3})
    assert (await judged(database)).notices == []
    assert await of_device(engine, device) == ["undecodable"]
    await recorded(engine, message(device, up(device, OCCUPIED, at=4, f_cnt=4)), minutes=4)
    await judged(database)
    assert await of_device(engine, device) == []


async def test_a_fault_is_over_after_a_day_of_uplinks_without_it(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device)))
    await execute(
        engine,
        "update device set fault = 'RTC', fault_at = heard_at, tamper = true, tamper_at = heard_at",
    )
    assert [notice.kind for notice in (await judged(database)).notices] == ["fault", "tamper"]
    assert await of_device(engine, device) == ["fault", "tamper"]
    await execute(engine, "update device set fault_at = heard_at - interval '1 day', tamper = false")
    await judged(database)
    assert await rows(engine, "select problems, fault, snapshot is null from device, installation") == [
        ([], None, True)
    ]


async def test_what_the_register_lacks_is_a_problem(engine: AsyncEngine, database: str, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    stranger = "a840410000000099"
    await recorded(engine, message(device, up(device)), message(stranger, up(stranger)))
    await execute(engine, "update installation set codec = null")
    committed = await judged(database)
    assert committed.notices == []
    assert (await of_device(engine, device), await of_device(engine, stranger)) == (["no_codec"], ["unassigned"])
    await judged(database, profiles=["Parking sensor"])
    assert await of_device(engine, device) == []


async def test_many_devices_have_one_notice_together(
    engine: AsyncEngine, database: str, car_park: CarPark, monkeypatch: pytest.MonkeyPatch
) -> None:
    await car_park(5)
    monkeypatch.setattr(problems, "MOST_NOTICES", 3)
    await execute(engine, "update device set battery_percent = 1, contact = 'live'")
    notices = (await judged(database)).notices
    assert [notice.dev_eui is None for notice in notices] == [False, False, False, True]
    assert notices[-1].details == {"devices": 2}


async def changes(engine: AsyncEngine, *, since: float, until: float, each: int) -> None:
    """Let every space but `A-1` change so often in these hours after noon. `A-1` last changed before them."""
    await execute(
        engine,
        f"update space set occupancy = 'occupied', state = 'OCCUPIED', contact = 'live',"
        f" since = timestamptz '{NOON}' + interval '1 h' * {since} - interval '1 minute'",
        f"""
        insert into transition (space, "from", "to", at, cause)
        select id, case n % 2 when 0 then 'FREE' else 'OCCUPIED' end, case n % 2 when 0 then 'OCCUPIED' else 'FREE' end,
            timestamptz '{NOON}' + interval '1 h' * ({since} + n * {(until - since) / each}), 'test'
        from space, generate_series(0, {each - 1}) n where name <> 'A-1' order by n
        """,
        "update space set since = (select max(at) from transition where space = space.id) where name <> 'A-1'",
    )


async def test_a_sensor_is_stuck_while_its_neighbours_change(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    device, *_ = await car_park(5)
    await changes(engine, since=0, until=7, each=6)
    assert (await compared(database, hours=7.9)).notices == []
    (notice,) = (await compared(database, hours=8)).notices
    assert (notice.kind, notice.dev_eui, notice.details["neighbours"]) == ("stuck", device, 4)
    assert (await compared(database, hours=8.2)).notices == []
    assert await of_device(engine, device) == ["stuck"]
    await execute(engine, f"update space set since = timestamptz '{NOON}' + interval '9 h' where name = 'A-1'")
    await compared(database, hours=9.1)
    assert await of_device(engine, device) == []


async def test_an_observed_sensor_is_not_stuck_with_the_space_that_another_one_decides(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    device, *_ = await car_park(5)
    await changes(engine, since=0, until=7, each=6)
    await execute(
        engine,
        "insert into device (dev_eui) values ('00000000000000ff')",
        "insert into installation (dev_eui, space_id, observe_left) select '00000000000000ff', id, 5 from space where name = 'A-1'",
    )
    assert [one.dev_eui for one in (await compared(database, hours=8)).notices] == [device]


async def test_no_sensor_is_stuck_while_the_neighbours_do_not_change_either(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """They had changed five times before the night, and no other space is compared than those of the same purpose."""
    await car_park(5)
    await changes(engine, since=0, until=5, each=5)
    assert (await compared(database, hours=20)).notices == []
    await changes(engine, since=30, until=36, each=6)
    await execute(engine, "update space set purpose = 'staff' where name = 'A-1'")
    assert (await compared(database, hours=40)).notices == []


async def test_a_moved_device_is_not_stuck(engine: AsyncEngine, database: str, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await execute(engine, "delete from installation", "update device set problems = '{stuck,battery_low}'")
    await compared(database, hours=1)
    assert await of_device(engine, device) == ["battery_low"]
