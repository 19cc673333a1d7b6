"""The clock counts the spaces of all zones for the metrics, with the counts that the zones publish."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.clock import places
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.pool import opened
from tests.events import NOON
from tests.plugins.car_park import CarPark

ZONES = """
insert into zone (site_id, name, capacity, count, drift, counted_since)
select site.id, 'deck-' || n, 50, 20, 0, now() from site, generate_series(1, 250) n
"""


NOW = """
select zone_now.site, zone, total, free, occupied, reserved, maintenance, unreachable
from zone_now
join zone on zone.name = zone_now.zone
order by zone.id
"""


async def counted(url: str, *, is_measured: bool = True) -> Committed:
    async with opened(url, DatabaseConfig()) as pool:
        moment = Moment(now=NOON, listening_since=NOON, lost_after=timedelta(hours=25), is_measured=is_measured)
        return await places.go(pool, moment)


async def test_every_zone_is_counted_whatever_their_number(
    database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Spaces by their state and contact, and the places of counted zones. The view of the zones has the same numbers."""
    await car_park(5)
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("update space set state = 'OCCUPIED', occupancy = 'occupied', contact = 'live' where name <> 'A-1'")
        )
        await connection.execute(sa.text(ZONES))
    zones = (await counted(database)).zones
    assert zones is not None
    first, *decks = zones
    assert (first.site, first.zone) == ("central", "level-1")
    assert (first.total, first.free, first.occupied, first.unreachable) == (5, 1, 4, 1)
    assert [one.zone for one in decks] == [f"deck-{number}" for number in range(1, 251)]
    assert {(one.total, one.free, one.occupied) for one in decks} == {(50, 30, 20)}
    async with engine.connect() as connection:
        shown = (await connection.execute(sa.text(NOW))).all()
    assert [tuple(row) for row in shown] == [
        (one.site, one.zone, one.total, one.free, one.occupied, one.reserved, one.maintenance, one.unreachable)
        for one in zones
    ]


async def test_nothing_is_counted_where_metrics_are_not_served(
    database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(5)
    assert await counted(database, is_measured=False) == Committed()
