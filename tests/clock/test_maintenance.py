"""The planned end of maintenance: exact to the second, once, and right for what sensors reported meanwhile."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.clock import maintenance
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.notice import NoticeKind
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.requests.answering import answer
from parking_gateway.requests.desk import Answer, Desk
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, message, up
from tests.plugins.car_park import CarPark

HOUR, SECOND, MINUTE = timedelta(hours=1), timedelta(seconds=1), timedelta(minutes=1)
ZONE = {"site": "central", "zone": "level-1"}
LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)


async def go(pool: Pool, at: datetime, *, ends: bool = True) -> Committed:
    return await maintenance.go(pool, Moment(now=at, listening_since=None, lost_after=HOUR, maintenance_ends=ends))


async def order(pool: Pool, *, at: datetime = NOON, **parameters: Any) -> None:
    verb = "space/maintenance" if "space" in parameters else "zone/maintenance"
    async with pool.connect() as connection:
        desk = Desk(connection=connection, now=at, by="anna", decoder=Decoder())
        outcome = await answer(desk, verb, ZONE | {"on": True} | parameters)
        assert isinstance(outcome, Answer), outcome
        await connection.commit_together()


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def test_maintenance_ends_at_its_planned_end_and_not_before(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The steps have the planned time, also if the gateway was away then."""
    await car_park(3)
    end = NOON + HOUR
    await order(pool, until=end.isoformat())
    await order(pool, until=None, space="A-3", at=NOON + SECOND)
    assert await go(pool, end - MINUTE) == Committed()
    assert await go(pool, end - SECOND / 2) == Committed(due_at=end)
    committed = await go(pool, end + MINUTE)
    assert [(step.before, step.after, step.at, step.cause) for step in committed.steps] == [
        ("MAINTENANCE", "FREE", end, "maintenance")
    ] * 2
    assert await rows(engine, "select name, state, since, maintenance_until from space order by name") == [
        ("A-1", "FREE", end, None),
        ("A-2", "FREE", end, None),
        ("A-3", "MAINTENANCE", NOON, None),
    ]
    assert await go(pool, end + 2 * MINUTE) == Committed()


async def test_an_uplink_of_the_time_of_maintenance_counts_at_its_end(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    await order(pool, until=(NOON + HOUR).isoformat())
    batch = read([message(device, up(device, OCCUPIED, at=60))], received_at=NOON + MINUTE, limits=LIMITS)
    async with pool.connect() as connection:
        committed = await record(connection, batch, decoder=Decoder(), announce_every=HOUR)
    assert (len(committed.recorded), committed.steps) == (1, [])
    assert await rows(engine, "select state, occupancy from space") == [("MAINTENANCE", "occupied")]
    committed = await go(pool, NOON + HOUR)
    assert [step.after for step in committed.steps] == ["FREE", "OCCUPIED"]


async def test_two_gateways_end_maintenance_once(pool: Pool, engine: AsyncEngine, car_park: CarPark) -> None:
    await car_park(20)
    await order(pool, until=(NOON + HOUR).isoformat())
    committed = await asyncio.gather(*(go(pool, NOON + HOUR) for _ in range(3)))
    assert sum(len(one.steps) for one in committed) == 20
    assert await rows(engine, "select count(*) from transition where \"to\" = 'FREE'") == [(20,)]


async def test_an_order_that_comes_first_has_another_end(pool: Pool, engine: AsyncEngine, car_park: CarPark) -> None:
    """The locked row decides, and not the row that was looked up."""
    await car_park(1)
    await order(pool, until=(NOON + HOUR).isoformat())
    await order(pool, until=(NOON + 2 * HOUR).isoformat(), at=NOON + MINUTE)
    assert await go(pool, NOON + HOUR) == Committed()
    await order(pool, on=False, at=NOON + HOUR)
    assert await go(pool, NOON + 2 * HOUR) == Committed()
    assert await rows(engine, "select count(*) from transition") == [(2,)]


async def test_people_are_reminded_once_of_a_planned_end_that_ends_nothing(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    """One notice for the spaces of a zone with one end, and again for a new end."""
    await car_park(3)
    end = NOON + HOUR
    await order(pool, until=end.isoformat(), reason="paint")
    await order(pool, until=(end - MINUTE).isoformat(), space="A-3", at=NOON + SECOND)
    committed = await asyncio.gather(*(go(pool, end, ends=False) for _ in range(3)))
    notices = [notice for one in committed for notice in one.notices]
    assert {(one.kind, one.space is None, one.details["reason"], one.details["spaces"]) for one in notices} == {
        (NoticeKind.MAINTENANCE_DUE, True, "paint", 2),
        (NoticeKind.MAINTENANCE_DUE, False, None, 1),
    }
    assert len(notices) == 2
    assert await rows(engine, "select kind, count(*) from notice group by 1") == [("maintenance_due", 2)]
    assert await rows(engine, "select distinct state from space") == [("MAINTENANCE",)]
    assert await go(pool, end + MINUTE, ends=False) == Committed()
    await order(pool, until=(end + HOUR).isoformat(), space="A-1", at=end)
    assert len((await go(pool, end + HOUR, ends=False)).notices) == 1


@pytest.mark.parametrize("ends", [True, False])
async def test_without_a_planned_end_nothing_is_due(pool: Pool, car_park: CarPark, ends: bool) -> None:  # noqa: FBT001
    await car_park(2)
    await order(pool)
    assert await go(pool, NOON + 999 * HOUR, ends=ends) == Committed()
