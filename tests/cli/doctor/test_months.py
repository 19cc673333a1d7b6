"""`doctor` on partitions: months ahead, months that are too old, and rows in no month."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.doctor.months import examine_months
from parking_gateway.clock.partitions import make_missing
from parking_gateway.process.config import load
from parking_gateway.store.partitions import GROWN, MONTHS_AHEAD
from parking_gateway.store.pool import Pool
from tests.clock.test_retention import DAY, NOW, go, insert, make, months_ago, name_of
from tests.plugins.car_park import CarPark


async def test_absent_months_are_wrong_until_they_are_made(pool: Pool) -> None:
    config = load()
    ahead, *_ = await examine_months(pool, config, now=NOW)
    assert (ahead.verdict, ahead.about) == ("wrong", "partitions")
    assert ahead.detail.startswith(name_of("uplink", NOW))
    assert f"and {len(GROWN) * (1 + MONTHS_AHEAD) - 5} more: absent" in ahead.detail  # five are named
    await make_missing(pool, now=NOW)
    assert [check.verdict for check in await examine_months(pool, config, now=NOW)] == ["fine", "fine"]


async def test_a_month_that_is_older_than_it_is_kept_is_wrong_until_it_is_dropped(
    pool: Pool, engine: AsyncEngine
) -> None:
    config = load()
    await make_missing(pool, now=NOW)
    await make(pool, months_ago(20))
    await insert(engine, "uplink", NOW)
    _, old = await examine_months(pool, config, now=NOW)
    assert old.verdict == "wrong"
    assert name_of("rejection", months_ago(20)) in old.detail
    assert name_of("transition", months_ago(20)) not in old.detail
    await go(pool, config.retention)
    assert [check.verdict for check in await examine_months(pool, config, now=NOW)] == ["fine", "fine"]


async def test_rows_in_no_month_are_wrong_while_they_come(pool: Pool, engine: AsyncEngine, car_park: CarPark) -> None:
    await car_park(1)
    config = load()
    await make_missing(pool, now=NOW)
    year_1 = datetime(1, 1, 1, tzinfo=UTC)
    await insert(engine, "uplink", year_1, heard_at=NOW - 3 * DAY)
    *_, stray = await examine_months(pool, config, now=NOW)
    assert (stray.verdict, stray.detail) == (
        "fine",
        "uplink_default has 1 row in no month; none is of the last day",
    )
    await insert(engine, "uplink", year_1, rows=2, heard_at=NOW)
    *_, stray = await examine_months(pool, config, now=NOW)
    assert stray.verdict == "wrong"
    assert stray.detail.startswith("uplink_default has 3 rows in no month, some of the last day")
