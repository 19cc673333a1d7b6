"""Floods of messages that cannot be recorded: only they are rejected, and valid uplinks among them are recorded."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.events import topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import publish, until, value

FLOOD = 10_000
REFUSED = 4711
"""A frame counter that the table of this test refuses."""


@pytest.mark.usefixtures("lasting")
async def test_a_flood_that_postgresql_refuses_does_not_delay_valid_uplinks(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """One of fifty is valid. All wait in the session, so that the last one waits for all others."""
    devices = await car_park(20)
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"alter table uplink add check (f_cnt <> {REFUSED})"))
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    flood = [
        (topic_of(device), up(device, f_cnt=REFUSED if number % 50 else 1, at=number / 100))
        for number in range(FLOOD)
        for device in [devices[number % 20]]
    ]
    await publish(broker, flood)
    before = await _transactions(engine)
    daemon.start_and_wait()
    began = asyncio.get_running_loop().time()
    await until(partial(_are_done, engine), "every message either recorded or rejected")
    # On an idle machine it takes 2 s. With a transaction for each message it would take 2 minutes.
    assert asyncio.get_running_loop().time() - began < FLOOD / 500
    assert await _transactions(engine) - before < FLOOD / 5
    assert await value(engine, "select count(*) from uplink") == FLOOD / 50
    assert await value(engine, "select count(*) from rejection where reason = 'invalid'") == FLOOD - FLOOD / 50
    assert daemon.terminate() == 0


async def _transactions(engine: AsyncEngine) -> int:
    """Transactions so far, including the queries of this test."""
    query = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    return int(await value(engine, query))


async def _are_done(engine: AsyncEngine) -> bool:
    return bool(
        await value(engine, f"select (select count(*) from uplink) + (select count(*) from rejection) = {FLOOD}")
    )
