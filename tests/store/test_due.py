"""A row is due while its version is not the one that the broker has confirmed, whichever of the two is newer."""

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.due import Due, DueCounts, DueKind, DueSpace
from parking_gateway.core.space import SpaceId
from parking_gateway.store import confirmations, due
from parking_gateway.store.pool import Pool
from parking_gateway.store.query import Query
from tests.due import due_in
from tests.plugins.car_park import CarPark

TABLES = {DueKind.SPACE: "space", DueKind.DEVICE: "device", DueKind.ZONE: "zone", DueKind.SITE: "site"}


async def ask(pool: Pool, query: Query[Any]) -> Any:
    async with pool.connect() as connection:
        (answer,) = await connection.commit_together(query)
    return answer


async def read(pool: Pool, kind: DueKind) -> list[Due]:
    async with pool.connect() as connection:
        return await due_in(connection, kind)


@pytest.mark.parametrize("kind", DueKind)
async def test_a_row_with_a_newer_confirmation_is_due_and_heals(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, kind: DueKind
) -> None:
    """A failover leaves such a row if it lost the row's change and kept the confirmation."""
    await car_park(1)
    others = [f"update {table} set published_version = version" for table in TABLES.values()]
    async with engine.begin() as connection:
        for statement in [*others, f"update {TABLES[kind]} set published_version = version + 3"]:
            await connection.execute(sa.text(statement))
    assert await ask(pool, due.count()) == 1
    (one,) = await read(pool, kind)
    assert await ask(pool, confirmations.confirm(kind, [one])) == set()
    assert await read(pool, kind) == []
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"update {TABLES[kind]} set version = version + 1"))
    assert len(await read(pool, kind)) == 1


@pytest.mark.parametrize("kind", DueKind)
async def test_a_doubted_confirmation_leaves_its_row_due(pool: Pool, car_park: CarPark, kind: DueKind) -> None:
    """The database may have lost the row's last change."""
    await car_park(1)
    rows = await read(pool, kind)
    await ask(pool, confirmations.confirm(kind, rows))
    assert await ask(pool, confirmations.confirm(kind, confirmations.doubted(rows))) == {rows[0].key}
    assert len(await read(pool, kind)) == 1


_MONTHS = """
do $$ begin
    for month in 1 .. 9 loop
        execute format(
            'create table transition_2025_0%s partition of transition for values from (''2025-%s-1Z'') to (''2025-%s-1Z'')',
            month, month, month + 1
        );
    end loop;
end $$
"""
_STEPS = """
insert into transition (space, "from", "to", at, cause)
select id, 'FREE', 'OCCUPIED', timestamptz '2025-01-15Z' + month * interval '30 days', month
from space, generate_series(0, 8) as month
"""


async def test_only_the_months_from_the_last_published_step_on_are_read_for_steps(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    await car_park(3)
    async with engine.begin() as connection:
        for statement in (_MONTHS, _STEPS):
            await connection.execute(sa.text(statement))
    spaces = [SpaceId(row.key) for row in await read(pool, DueKind.SPACE) if isinstance(row, DueSpace)]
    unpublished = await ask(pool, due.steps(spaces))
    assert len(unpublished) == 27
    rows = due.with_steps(await read(pool, DueKind.SPACE), [one for one in unpublished if one[1].cause < "8"])
    await ask(pool, confirmations.confirm(DueKind.SPACE, rows))
    assert [step.cause for _, step in await ask(pool, due.steps(spaces))] == ["8"] * 3
    found = due.steps(spaces)
    text = found.statement.text
    for number, value in enumerate(found.statement.values(found.arguments), start=1):
        text = text.replace(f"${number}", f"'{value}'")
    async with engine.connect() as connection:
        plan = "\n".join(
            await connection.scalars(sa.text(f"explain (analyze, costs off) {text.replace(':', chr(92) + ':')}"))
        )
    assert "transition_2025_08" in plan
    # Of ten partitions, two months and the default one are read.
    assert plan.count("never executed") >= 7


@pytest.mark.parametrize("kind", DueKind)
async def test_of_three_gateways_none_mistakes_the_doubt_of_another_for_its_own_row(
    pool: Pool, car_park: CarPark, kind: DueKind
) -> None:
    """All three read the same doubted row. The message of the first may be the last that reached the broker."""
    await car_park(1)
    rows = await read(pool, kind)
    await ask(pool, confirmations.confirm(kind, confirmations.doubted(rows)))
    first, second, third = [await read(pool, kind) for _ in range(3)]
    assert await ask(pool, confirmations.confirm(kind, first)) == set()
    assert await ask(pool, confirmations.confirm(kind, second)) == {rows[0].key}
    assert await ask(pool, confirmations.confirm(kind, third)) == {rows[0].key}


EVERYTHING = """
    update space set occupancy = 'occupied', reservation = 'r-1', reserved_from = now(), reserved_until = now() + interval '1 h',
        service = 'maintenance', state = 'MAINTENANCE', previous = 'OCCUPIED', maintenance_reason = 'paint',
        maintenance_until = now(), audience = 'ev', contact = 'lost', battery_percent = 93, cause = 'x', version = 7, published_version = 3
"""


async def test_a_due_space_is_the_same_row_as_a_given_one(engine: AsyncEngine, pool: Pool, car_park: CarPark) -> None:
    """Two statements read it."""
    await car_park(2)
    async with engine.begin() as connection:
        await connection.execute(sa.text(EVERYTHING))
    rows = await read(pool, DueKind.SPACE)
    ids = [SpaceId(row.key) for row in rows if isinstance(row, DueSpace)]
    assert await ask(pool, due.given(ids)) == rows
    assert all(value is not None for value in msgspec.structs.astuple(rows[0]))


async def test_keys_begin_behind_a_key(pool: Pool, car_park: CarPark) -> None:
    await car_park(5)
    for kind in (DueKind.SPACE, DueKind.DEVICE):
        keys = await ask(pool, due.keys(kind, limit=10))
        assert keys == sorted(keys)
        assert len(keys) == 5
        assert await ask(pool, due.keys(kind, limit=2, after=keys[1])) == keys[2:4]


@pytest.mark.parametrize("kind", [DueKind.SPACE, DueKind.DEVICE])
async def test_rows_come_in_the_order_of_their_keys(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, kind: DueKind
) -> None:
    """Not in that of the table, in which a row that was changed moves to the end."""
    await car_park(20)
    keys = await ask(pool, due.keys(kind, limit=100))
    key = "id" if kind is DueKind.SPACE else "dev_eui"
    change = sa.text(f"update {TABLES[kind]} set version = version + 1 where {key} = :key")
    async with engine.begin() as connection:
        await connection.execute(change, [{"key": one} for one in reversed(keys)])
    assert [row.key for row in await ask(pool, due.rows(kind, keys[::-1]))] == keys


async def test_a_row_that_is_no_longer_due_is_not_read(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    for kind in DueKind:
        keys = await ask(pool, due.keys(kind, limit=10))
        first, *others = await ask(pool, due.rows(kind, keys))
        await ask(pool, confirmations.confirm(kind, [first]))
        assert await ask(pool, due.rows(kind, keys)) == others


async def test_spaces_are_counted_for_each_audience(engine: AsyncEngine, pool: Pool, car_park: CarPark) -> None:
    await car_park(4)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update space set audience = 'ev' where name in ('A-1', 'A-2')"))
        await connection.execute(sa.text("update space set audience = 'taxi' where name = 'A-3'"))
        occupied = "update space set state = 'OCCUPIED', occupancy = 'occupied' where name in ('A-2', 'A-3')"
        await connection.execute(sa.text(occupied))
    for kind in (DueKind.ZONE, DueKind.SITE):
        (one,) = await read(pool, kind)
        assert isinstance(one, DueCounts)
        assert (one.total, one.free, one.audiences) == (4, 2, {"ev": (2, 1), "taxi": (1, 0)})
