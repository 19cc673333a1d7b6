"""The hours of a zone are the sums of its stays."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from parking_gateway.clock import hours
from parking_gateway.clock.moment import Moment
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.store.pool import Pool
from tests.clock.test_history import LIMITS, come, correct, frame, rows
from tests.events import NOON, OCCUPIED, VACANT
from tests.plugins.car_park import CarPark

HOURS = """
select extract(hour from hour at time zone 'UTC')::int, spaces, occupied_seconds::int, arrivals, departures, mean_stay_seconds
from occupancy_hourly order by hour
"""


async def count(pool: Pool, hour: int) -> None:
    moment = Moment(now=NOON + timedelta(hours=hour), listening_since=None, lost_after=timedelta(days=1))
    await hours.go(pool, moment)


async def test_an_hour_has_its_share_of_each_stay(pool: Pool, car_park: CarPark) -> None:
    one, other = await car_park(2)
    for device, number, status in ((one, 30, OCCUPIED), (other, 50, OCCUPIED), (one, 90, VACANT)):
        await come(pool, frame(device, number, status))
    await count(pool, 3)
    assert await rows(pool.engine, HOURS) == [
        (12, 2, 40 * 60, 2, 0, None),
        (13, 2, 90 * 60, 0, 1, 3600),
        (14, 2, 60 * 60, 0, 0, None),
    ]
    await come(pool, frame(other, 65, VACANT))
    await count(pool, 4)
    assert [row[2] for row in await rows(pool.engine, HOURS)] == [40 * 60, 35 * 60, 0, 0]


async def test_the_first_round_after_an_absence_counts_the_hour_before_the_last_one_again(
    pool: Pool, car_park: CarPark
) -> None:
    """Its last changes were recorded after the last round, and are too young to be marked."""
    (device,) = await car_park(1)
    await come(pool, frame(device, 30, OCCUPIED))
    await count(pool, 1)
    await count(pool, 2)
    batch = read([frame(device, 50, VACANT)], received_at=NOON + timedelta(minutes=70), limits=LIMITS)
    async with pool.connect() as connection:
        await record(connection, batch, decoder=Decoder(), announce_every=timedelta(hours=1))
    await count(pool, 9)
    assert (await rows(pool.engine, HOURS))[0] == (12, 1, 20 * 60, 1, 1, 20 * 60)


async def test_a_stay_that_comes_whole_after_an_outage_is_in_the_hour_of_its_arrival(
    pool: Pool, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    await count(pool, 2)
    await come(pool, frame(device, 30, OCCUPIED), frame(device, 70, VACANT))
    await count(pool, 3)
    assert (await rows(pool.engine, HOURS))[0] == (12, 1, 30 * 60, 1, 0, None)


async def test_a_car_that_is_there_is_in_all_hours_since_its_corrected_arrival(pool: Pool, car_park: CarPark) -> None:
    """Its stay has no row that could be corrected."""
    (device,) = await car_park(1)
    ahead = timedelta(hours=3)
    await come(pool, frame(device, 200, OCCUPIED), ahead=ahead)
    await count(pool, 4)
    await come(pool, frame(device, 10, OCCUPIED), ahead=ahead)
    await correct(pool)
    await come(pool, frame(device, 245, VACANT), ahead=ahead)
    await count(pool, 5)
    assert await rows(pool.engine, HOURS) == [
        (12, 1, 50 * 60, 1, 0, None),
        (13, 1, 60 * 60, 0, 0, None),
        (14, 1, 60 * 60, 0, 0, None),
        (15, 1, 60 * 60, 0, 0, None),
        (16, 1, 5 * 60, 0, 1, 235 * 60),
    ]


@pytest.mark.parametrize("view", ["space_now", "zone_now", "sensor", "step", "stay", "occupancy_hourly"])
async def test_every_column_of_a_view_has_a_comment(pool: Pool, view: str) -> None:
    missing = sa.text(
        "select attname from pg_attribute where attrelid = cast(:view as regclass) and attnum > 0"
        " and col_description(attrelid, attnum) is null"
    )
    async with pool.engine.connect() as connection:
        assert (await connection.scalars(missing, {"view": view})).all() == []
        described = sa.text("select obj_description(cast(:view as regclass))")
        assert await connection.scalar(described, {"view": view})


async def test_a_car_that_is_there_is_a_stay_without_an_end(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await come(pool, frame(device, 1, OCCUPIED))
    assert await rows(pool.engine, "select space, departed_at, seconds from stay") == [("A-1", None, None)]
    await come(pool, frame(device, 3, VACANT))
    assert await rows(pool.engine, "select space, departed_at, seconds from stay") == [
        ("A-1", NOON + timedelta(minutes=3), 120)
    ]
    assert await rows(pool.engine, "select space, from_state, to_state from step order by at") == [
        ("A-1", "FREE", "OCCUPIED"),
        ("A-1", "OCCUPIED", "FREE"),
    ]
    assert await rows(pool.engine, "select space, dev_eui, codec from space_now") == [
        ("A-1", device, "bosch_tps110_v029")
    ]
    assert await rows(pool.engine, "select dev_eui, space, problem from sensor") == [(device, "A-1", None)]
