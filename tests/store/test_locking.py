"""Statements that write many rows lock them in the order of their keys, whatever their order on the disk is."""

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.due import DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.store import confirmations, devices, tree
from parking_gateway.store.pool import Pool
from parking_gateway.store.query import Query
from tests.plugins.car_park import CarPark
from tests.whole_gateway import until, value

FIRST, SECOND = "a840410000000001", "a840410000000002"
_WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


@pytest.mark.parametrize(
    ("table", "queries"),
    [
        ("space", confirmations.all_again()),
        ("space", confirmations.raise_versions(1)),
        ("space", [tree.publish_named(DueKind.SPACE, [("central", "level-1", name) for name in ("A-2", "A-1")])]),
        ("device", confirmations.all_again()),
        ("device", devices.lose([DevEui(SECOND), DevEui(FIRST)])),
        ("device", devices.mark_clock([DevEui(SECOND), DevEui(FIRST)])),
    ],
)
async def test_beside_a_transaction_that_locks_by_key_it_waits_and_does_not_deadlock(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, table: str, queries: Sequence[Query[None]]
) -> None:
    await car_park(2)
    key = "id" if table == "space" else "dev_eui"
    lowest = f"select min({key}) from {table}"
    async with engine.begin() as connection:
        await connection.execute(sa.text("update space set published_version = 1"))
        await connection.execute(sa.text("update device set published_version = 1, contact = 'live'"))
        # Its new version lies behind the other row.
        await connection.execute(sa.text(f"update {table} set version = version + 1 where {key} = ({lowest})"))

    async def write() -> None:
        async with pool.connect() as connection:
            await connection.commit_together(*queries)

    async def is_waiting() -> bool:
        return bool(await value(engine, _WAITING))

    async with engine.begin() as connection:
        await connection.execute(sa.text(f"select from {table} where {key} = ({lowest}) for update"))
        writing = asyncio.create_task(write())
        await until(is_waiting, "a statement that waits")
        await connection.execute(sa.text(f"select from {table} for update"))
    await writing
