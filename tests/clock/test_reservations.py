"""Reservations start and end by the clock, whatever came between, and however many gateways there are."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.clock import reservations
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config.sections import ReservationsConfig
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, message, up
from tests.plugins.car_park import CarPark

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
GRACE = ReservationsConfig(grace=15 * MINUTE)

Go = Callable[..., Awaitable[Committed]]


@pytest.fixture
def go(pool: Pool) -> Go:
    """Let the clock go round at so many minutes after noon."""

    async def go(minutes: float, *, rules: ReservationsConfig = GRACE, is_listening: bool = True) -> Committed:
        now = NOON + minutes * MINUTE
        moment = Moment(
            now=now,
            listening_since=NOON - HOUR if is_listening else None,
            lost_after=99 * HOUR,
            reservations=rules,
        )
        return await reservations.go(pool, moment)

    return go


async def execute(engine: AsyncEngine, statement: str, **values: Any) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement), values)


async def reserve(engine: AsyncEngine, start: float, end: float, *, space: str = "A-1") -> None:
    """From so many minutes after noon until so many."""
    statement = (
        "insert into reservation (space_id, during, by) select id, tstzrange(:start, :end, '[)'), 'anna' from space"
        " where name = :name"
    )
    await execute(engine, statement, start=NOON + start * MINUTE, end=NOON + end * MINUTE, name=space)


async def see(engine: AsyncEngine, device: str, status: bytes, at: float) -> Committed:
    """Record an uplink of so many minutes after noon."""
    uplink = message(device, up(device, status, at=at, f_cnt=round(at) + 1000))
    batch = read([uplink], received_at=NOON + at * MINUTE, limits=LIMITS)
    async with engine.connect() as connection:
        return await record(PipelinedConnection(connection), batch, decoder=Decoder(), announce_every=99 * HOUR)


async def state(engine: AsyncEngine) -> tuple[str, str]:
    """Of the first space and its last reservation."""
    asked = "select state, status from space join reservation on space_id = space.id where name = 'A-1' order by reservation.id desc"
    async with engine.connect() as connection:
        return tuple((await connection.execute(sa.text(asked))).first() or ())


async def steps(engine: AsyncEngine) -> list[tuple[str, float, str]]:
    """The log: state, minutes after noon, cause."""
    asked = 'select "to", at, cause from transition order by id'
    async with engine.connect() as connection:
        found = (await connection.execute(sa.text(asked))).all()
    return [(after, (at - NOON) / MINUTE, cause) for after, at, cause in found]


async def test_a_reservation_holds_from_its_start_to_its_end(engine: AsyncEngine, car_park: CarPark, go: Go) -> None:
    (device,) = await car_park(1)
    await see(engine, device, VACANT, -5)
    await reserve(engine, 10, 60)
    assert await go(9) == Committed()
    assert await state(engine) == ("FREE", "booked")
    begun = await go(10.1)
    assert (await state(engine), len(begun.changed)) == (("RESERVED", "holding"), 1)
    arrived = await see(engine, device, OCCUPIED, 12)
    assert (await state(engine), arrived.reservations[0].status) == (("OCCUPIED", "checked_in"), "checked_in")
    await go(60)
    assert await state(engine) == ("OCCUPIED", "completed")
    assert [step[:2] for step in await steps(engine)] == [("RESERVED", 10), ("OCCUPIED", 12)]
    assert (await steps(engine))[0][2] == "reservation 1"


async def test_the_next_moment_within_the_second_is_returned(engine: AsyncEngine, car_park: CarPark, go: Go) -> None:
    """So a round sleeps until then, and is not a second late."""
    await car_park(1)
    await reserve(engine, 10, 60)
    assert (await go(10 - 0.4 / 60)).due_at == NOON + 10 * MINUTE
    assert (await go(9)).due_at is None
    await go(10)
    assert (await go(60 - 0.4 / 60)).due_at == NOON + 60 * MINUTE


async def test_whoever_does_not_come_within_the_grace_loses_the_space(
    engine: AsyncEngine, car_park: CarPark, go: Go
) -> None:
    (device,) = await car_park(1)
    await see(engine, device, VACANT, -5)
    await reserve(engine, 10, 60)
    await go(10)
    await go(24.9)
    assert await state(engine) == ("RESERVED", "holding")
    await go(25, is_listening=False)
    assert await state(engine) == ("RESERVED", "holding")
    await go(26)
    assert await state(engine) == ("FREE", "no_show")
    assert (await steps(engine))[-1] == ("FREE", 25, "reservation 1")


async def test_the_rules_of_a_zone_win(engine: AsyncEngine, car_park: CarPark, go: Go) -> None:
    (device,) = await car_park(1)
    await see(engine, device, VACANT, -5)
    await execute(engine, "update zone set grace = 60, keeps_on_leaving = true")
    await reserve(engine, 10, 60)
    await go(10)
    await see(engine, device, OCCUPIED, 10.5)
    await see(engine, device, VACANT, 30)
    assert await state(engine) == ("RESERVED", "checked_in")
    await reserve(engine, 60, 99)
    await go(60)
    await go(61)
    assert await state(engine) == ("FREE", "no_show")


async def test_nobody_is_judged_where_an_arrival_would_not_be_seen(
    engine: AsyncEngine, car_park: CarPark, go: Go
) -> None:
    await car_park(1)
    await reserve(engine, 10, 60)
    await go(10)
    await go(59)
    assert await state(engine) == ("RESERVED", "holding")
    await go(60)
    assert await state(engine) == ("FREE", "expired")


async def test_a_car_that_leaves_early_frees_the_space(engine: AsyncEngine, car_park: CarPark, go: Go) -> None:
    (device,) = await car_park(1)
    await reserve(engine, 10, 60)
    await go(10)
    await see(engine, device, OCCUPIED, 12)
    await see(engine, device, VACANT, 30)
    assert await state(engine) == ("FREE", "released")
    assert await go(60) == Committed()


async def test_a_start_under_a_parked_car_is_pending_until_it_leaves(
    engine: AsyncEngine, car_park: CarPark, go: Go
) -> None:
    """The grace begins when it has left."""
    (device,) = await car_park(1)
    await see(engine, device, OCCUPIED, 5)
    await reserve(engine, 10, 60)
    await go(10)
    assert await state(engine) == ("OCCUPIED", "holding")
    await see(engine, device, VACANT, 30)
    assert await state(engine) == ("RESERVED", "holding")
    await go(44)
    assert await state(engine) == ("RESERVED", "holding")
    await go(45)
    assert await state(engine) == ("FREE", "no_show")


async def test_whatever_is_due_after_an_absence_is_done_at_its_own_time(
    engine: AsyncEngine, car_park: CarPark, go: Go
) -> None:
    """One that has passed wholly is closed and never shown."""
    await car_park(1)
    for start, end in ((10, 20), (20, 30), (30, 60)):
        await reserve(engine, start, end)
    await go(12)
    await go(40)
    assert await state(engine) == ("RESERVED", "holding")
    assert [step[:2] for step in await steps(engine)] == [("RESERVED", 10), ("FREE", 20), ("RESERVED", 30)]
    async with engine.connect() as connection:
        ended = (await connection.execute(sa.text("select status, ended_at from reservation order by id"))).all()
    assert [(status, at and (at - NOON) / MINUTE) for status, at in ended] == [
        ("expired", 20),
        ("expired", 30),
        ("holding", None),
    ]


async def test_one_that_is_reserved_soon_waits_for_the_one_before_it(
    engine: AsyncEngine, car_park: CarPark, go: Go
) -> None:
    (device,) = await car_park(1)
    soon = ReservationsConfig(reserved_soon=10 * MINUTE)
    await reserve(engine, 20, 30)
    await reserve(engine, 35, 60)
    await go(9.9, rules=soon)
    assert await state(engine) == ("FREE", "booked")
    await go(10, rules=soon)
    await see(engine, device, OCCUPIED, 12)
    await go(26, rules=soon)
    assert await state(engine) == ("OCCUPIED", "booked")
    await go(30, rules=soon)
    assert await state(engine) == ("OCCUPIED", "holding")
    await see(engine, device, VACANT, 31)
    assert await state(engine) == ("RESERVED", "holding")


async def test_several_gateways_at_once_do_each_thing_once(engine: AsyncEngine, car_park: CarPark, go: Go) -> None:
    await car_park(30)
    for number in range(1, 31):
        await reserve(engine, 10, 20, space=f"A-{number}")
        await reserve(engine, 20, 30, space=f"A-{number}")
    for minutes, count in ((10, 30), (20, 60)):
        rounds = await asyncio.gather(*(go(minutes) for _ in range(4)))
        assert sum(len(one.reservations) for one in rounds) == count
        assert sum(len(one.steps) for one in rounds) == count
    assert len(await steps(engine)) == 90
