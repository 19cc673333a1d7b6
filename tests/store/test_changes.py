"""Changes since a position: none is missed, in whatever order transactions end."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.due import DueKind, DueSpace
from parking_gateway.store import changes
from parking_gateway.store.pool import Pool
from tests.plugins.car_park import CarPark

TOUCH = "update space set version = version + 1 where name = '{}'"
STEP = "insert into transition (space, \"from\", \"to\", at, cause) select id, 'FREE', 'OCCUPIED', now(), name from space where name = '{}'"


async def moment(pool: Pool) -> changes.Moment:
    async with pool.connect() as connection:
        (now,) = await connection.commit_together(changes.moment())
        return now


async def spaces_since(pool: Pool, position: int) -> list[str]:
    async with pool.connect() as connection:
        (rows,) = await connection.commit_together(changes.rows(DueKind.SPACE, since=position, limit=100))
        return sorted(row.space for row in rows if isinstance(row, DueSpace))


@pytest.mark.parametrize("savepoint", [False, True])
async def test_a_transaction_that_had_begun_before_the_position_is_behind_it(
    pool: Pool, engine: AsyncEngine, car_park: CarPark, *, savepoint: bool
) -> None:
    await car_park(3)
    async with engine.connect() as early, engine.connect() as late:
        if savepoint:
            await early.execute(sa.text(TOUCH.format("A-3")))
            await early.begin_nested()
        await early.execute(sa.text(TOUCH.format("A-1")))
        await early.execute(sa.text(STEP.format("A-1")))
        await late.execute(sa.text(TOUCH.format("A-2")))
        await late.execute(sa.text(STEP.format("A-2")))
        await late.commit()
        now = await moment(pool)
        assert "A-1" not in await spaces_since(pool, now.position)
        await early.commit()
    assert "A-1" in await spaces_since(pool, now.position)
    async with pool.connect() as connection:
        (steps,) = await connection.commit_together(changes.steps(since=now.position, last=now.last_step, limit=9))
    assert "A-1" in [step.cause for step in steps]
    # Once all have ended, nothing is behind the next position.
    later = await moment(pool)
    assert await spaces_since(pool, later.position) == []
    # Positions go on where the numbers in the rows begin again.
    assert await spaces_since(pool, now.position + (1 << 32)) == await spaces_since(pool, now.position)


async def test_counts_follow_their_spaces_before_the_zone_itself_is_written(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(2)
    now = await moment(pool)
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("update space set state = 'OCCUPIED', occupancy = 'occupied' where name = 'A-1'")
        )
    async with pool.connect() as connection:
        queries = (changes.rows(kind, since=now.position, limit=9) for kind in (DueKind.ZONE, DueKind.SITE))
        zones, sites = await connection.commit_together(*queries)
    assert [row.free for row in (*zones, *sites)] == [1, 1]


async def test_the_form_of_the_car_park_changes_with_its_zones_and_not_with_its_states(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(2)
    forms = [(await moment(pool)).form]
    for statement in (
        TOUCH.format("A-1"),
        "insert into zone (site_id, name) select id, 'level-2' from site",
        "update zone set name = 'level-3' where name = 'level-2'",
        "delete from zone where name = 'level-3'",
    ):
        async with engine.begin() as connection:
            await connection.execute(sa.text(statement))
        forms.append((await moment(pool)).form)
    assert forms[0] == forms[1] == forms[4]
    assert len({*forms}) == 3
