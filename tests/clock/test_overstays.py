"""Cars that stay for too long are flagged once, by the limits of their spaces and zones."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.clock import overstays
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.requests.desk import Answer, Code, Refusal
from parking_gateway.store.pool import Pool
from tests.events import NOON
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask, ask

__all__ = ["ask"]
HOUR = timedelta(hours=1)
SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}


async def go(pool: Pool, hours: float) -> Committed:
    """Let the clock go round at so many hours after noon."""
    moment = Moment(now=NOON + hours * HOUR, listening_since=NOON, lost_after=99 * HOUR)
    return await overstays.go(pool, moment)


async def execute(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement), {"noon": NOON} if ":noon" in statement else {})


async def flags(engine: AsyncEngine) -> list[str | None]:
    async with engine.connect() as connection:
        return list(await connection.scalars(sa.text("select overstay from space order by id")))


PARK = "update space set state = 'OCCUPIED', occupancy = 'occupied', since = :noon"


async def test_only_cars_on_spaces_with_a_limit_are_flagged(car_park: CarPark, pool: Pool, engine: AsyncEngine) -> None:
    await car_park(3)
    await execute(engine, PARK, "update space set max_stay = 3600 where name <> 'A-2'")
    await execute(engine, "update space set state = 'FREE', occupancy = 'vacant' where name = 'A-3'")
    assert (await go(pool, 0.9)).changed == []
    made = await go(pool, 1)
    assert len(made.changed) == 1
    assert await flags(engine) == ["exceeded", None, None]
    assert (await go(pool, 2)).changed == []
    async with engine.connect() as connection:
        found = await connection.execute(sa.text("select kind, space, details from notice"))
    details = {"parked_since": f"{NOON:%Y-%m-%dT%H:%M:%SZ}", "allowed_until": f"{NOON + HOUR:%Y-%m-%dT%H:%M:%SZ}"}
    assert found.all() == [("overstay", "A-1", details)]


async def test_limits_of_the_zone_are_those_of_audiences_and_hours(
    car_park: CarPark, pool: Pool, engine: AsyncEngine
) -> None:
    """Noon is 21 o'clock in Tokyo."""
    await car_park(3)
    limits = """[{"seconds": 600, "audience": "taxi"}, {"seconds": 3600, "begins": "22\\:00\\:00", "ends": "06\\:00\\:00"}]"""
    await execute(
        engine,
        PARK,
        "update site set time_zone = 'Asia/Tokyo'",
        f"update zone set max_stay = 36000, stay_limits = '{limits}'",
        "update space set audience = 'taxi' where name = 'A-1'",
        "update space set max_stay = 90000 where name = 'A-2'",
    )
    await go(pool, 0.2)
    assert await flags(engine) == ["exceeded", None, None]
    await go(pool, 1.9)
    assert await flags(engine) == ["exceeded", None, None]
    await go(pool, 2)
    assert await flags(engine) == ["exceeded", None, "exceeded"]


async def test_a_person_acknowledges_an_overstay(car_park: CarPark, pool: Pool, engine: AsyncEngine, ask: Ask) -> None:
    await car_park(1)
    outcome = await ask("space/acknowledge", **SPACE)
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.CONFLICT
    await execute(engine, PARK, "update space set max_stay = 3600")
    await go(pool, 2)
    found = await ask("space/get", **SPACE)
    assert isinstance(found, Answer)
    assert found.data.overstay is True
    assert isinstance(await ask("space/acknowledge", **SPACE), Answer)
    assert (await go(pool, 3)).changed == []
    assert await flags(engine) == ["acknowledged"]
    found = await ask("space/get", **SPACE)
    assert isinstance(found, Answer)
    assert found.data.overstay is False


async def test_maintenance_does_not_begin_the_time_of_a_car_again(
    car_park: CarPark, pool: Pool, engine: AsyncEngine
) -> None:
    await car_park(1)
    later = "update space set max_stay = 7200, arrived_at = since, since = since + interval '90 min'"
    await execute(engine, PARK, later)
    assert (await go(pool, 1.9)).changed == []
    (notice,) = (await go(pool, 2)).notices
    assert notice.details["parked_since"] == NOON
