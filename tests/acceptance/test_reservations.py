"""Reservations start and end by the clock of the whole gateway, also while it is away."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import settled, until, value

SECOND = timedelta(seconds=1)


async def reserve(engine: AsyncEngine, space: str, start: datetime, end: datetime) -> None:
    statement = (
        "insert into reservation (space_id, during, by) select id, tstzrange(:start, :end, '[)'), 'anna' from space"
        " where name = :space"
    )
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement), {"space": space, "start": start, "end": end})


async def is_so(engine: AsyncEngine, space: str, state: str) -> bool:
    return bool(await value(engine, f"select state = '{state}' from space where name = '{space}'"))


async def is_past(moment: datetime) -> bool:
    return datetime.now(UTC) > moment


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def test_reservations_start_and_end_within_a_second_and_over_a_restart(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """One ends by the clock, one ends and one starts while the gateway is away, and one passes wholly meanwhile."""
    await car_park(4)
    daemon.start_and_wait()
    now = datetime.now(UTC)
    start, end, away = now + SECOND, now + 2 * SECOND, now + 4 * SECOND
    await reserve(engine, "A-1", start, end)
    await reserve(engine, "A-2", start, away)
    await reserve(engine, "A-3", away, now + 999 * SECOND)
    await reserve(engine, "A-4", away - SECOND, away)
    await until(partial(is_so, engine, "A-1", "RESERVED"), "the start")
    assert await value(engine, "select updated_at from space where name = 'A-1'") - start < SECOND
    await until(partial(is_so, engine, "A-1", "FREE"), "the end")
    assert await value(engine, "select updated_at from space where name = 'A-1'") - end < SECOND
    daemon.kill()
    await until(partial(is_past, away), "the absence")
    daemon.start_and_wait()
    await until(partial(is_so, engine, "A-3", "RESERVED"), "the start that fell into the absence")
    retained = await settled(engine, broker, database, uplinks=0)
    states = {name: json.loads(retained[f"{ROOT}/spaces/central/level-1/{name}"]) for name in ("A-2", "A-3", "A-4")}
    assert {name: (one["state"], one["reservation"]) for name, one in states.items()} == {
        "A-2": ("FREE", None),
        "A-3": ("RESERVED", "3"),
        "A-4": ("FREE", None),
    }
    steps = 'select name, "to", at, transition.cause from transition join space on space.id = space order by name, transition.id'
    assert await rows(engine, steps) == [
        ("A-1", "RESERVED", start, "reservation 1"),
        ("A-1", "FREE", end, "reservation 1"),
        ("A-2", "RESERVED", start, "reservation 2"),
        ("A-2", "FREE", away, "reservation 2"),
        ("A-3", "RESERVED", away, "reservation 3"),
    ]
    assert [status for (status,) in await rows(engine, "select status from reservation order by id")] == [
        "expired",
        "expired",
        "holding",
        "expired",
    ]
    assert daemon.terminate() == 0
