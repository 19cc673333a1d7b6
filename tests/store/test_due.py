"""What is due is what the broker has not confirmed as it is, whichever of the two is newer."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store import confirmations, due
from parking_gateway.store.due import Due, Kind
from parking_gateway.store.pipeline import PipelinedConnection
from tests.plugins.car_park import CarPark

TABLES = {Kind.SPACE: "space", Kind.DEVICE: "device", Kind.ZONE: "zone", Kind.SITE: "site"}


async def read(engine: AsyncEngine, kind: Kind) -> list[Due]:
    async with engine.connect() as connection:
        return await due.read(PipelinedConnection(connection), kind, limit=10)


@pytest.mark.parametrize("kind", Kind)
async def test_a_confirmation_that_is_newer_than_its_row_is_due_and_heals(
    engine: AsyncEngine, car_park: CarPark, kind: Kind
) -> None:
    """So a failover leaves it that lost the row and kept, or repeated, the confirmation."""
    await car_park(1)
    others = [f"update {table} set published_version = version" for table in TABLES.values()]
    async with engine.begin() as connection:
        for statement in [*others, f"update {TABLES[kind]} set published_version = version + 3"]:
            await connection.execute(sa.text(statement))
    async with engine.connect() as connection:
        assert await due.count(PipelinedConnection(connection)) == 1
    (one,) = await read(engine, kind)
    async with engine.connect() as connection:
        confirmed = await confirmations.confirm(PipelinedConnection(connection), kind, [one])
    assert confirmed.still_due == set()
    assert await read(engine, kind) == []
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"update {TABLES[kind]} set version = version + 1"))
    assert len(await read(engine, kind)) == 1


@pytest.mark.parametrize("kind", Kind)
async def test_a_doubted_confirmation_leaves_its_row_due(engine: AsyncEngine, car_park: CarPark, kind: Kind) -> None:
    """The database that takes it may have lost the row's last change."""
    await car_park(1)
    found = await read(engine, kind)
    async with engine.connect() as connection:
        await confirmations.confirm(PipelinedConnection(connection), kind, found)
    async with engine.connect() as connection:
        confirmed = await confirmations.confirm(PipelinedConnection(connection), kind, confirmations.doubted(found))
    assert confirmed.still_due == {found[0].key}
    assert len(await read(engine, kind)) == 1
