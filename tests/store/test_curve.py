"""The course of a day, counted back from the present."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.curve import curve
from parking_gateway.store.pool import Pool
from tests.plugins.car_park import CarPark

STEPS = """
insert into transition (space, "from", "to", at, cause)
select space.id, 'FREE', 'OCCUPIED', midnight + (now() - midnight) / 2, 'a car'
from space, (select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' as midnight) as today
where space.name in ('A-1', 'A-2')
"""


async def test_a_day_begins_with_the_spaces_that_were_free_then_and_ends_with_those_that_are(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(3)
    async with engine.begin() as connection:
        await connection.execute(sa.text(STEPS))
        await connection.execute(
            sa.text("update space set state = 'OCCUPIED', occupancy = 'occupied' where name in ('A-1', 'A-2')")
        )
    async with pool.connect() as connection:
        zone, site, nowhere = await connection.commit_together(
            curve(site="central", zone="level-1"),
            curve(site="central", zone=None),
            curve(site="central", zone="level-9"),
        )
    # Midnight, the minute in which both cars came, and now.
    assert [point.free for point in zone] == [3, 1, 1]
    assert [point.free for point in site] == [point.free for point in zone]
    assert [point.at for point in zone] == sorted(point.at for point in zone)
    assert nowhere == []
