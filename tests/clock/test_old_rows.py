"""Notices, reservations and hours are kept as long as the configuration says, and messages that nobody takes for seven days."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from parking_gateway.clock import old_rows
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.store.pool import Pool
from parking_gateway.store.retention import AT_ONCE
from tests.plugins.car_park import CarPark

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NOTICES = """
insert into notice (id, at, kind, details)
select n + case when :at < now() - interval '9 days' then 0 else 10000 end, :at, 'fault', '{}' from generate_series(1, :rows) n
"""
MESSAGE = "insert into outgoing (body, expires_at) values ('{}', :at)"


async def go(pool: Pool, *, days: int, occupancy_hours: int = 0) -> Committed:
    retention = RetentionConfig(notices=days, occupancy_hours=occupancy_hours)
    return await old_rows.go(pool, Moment(now=NOW, listening_since=None, lost_after=DAY, retention=retention))


async def count(pool: Pool, table: str) -> int:
    async with pool.engine.connect() as connection:
        return int((await connection.execute(sa.text(f"select count(*) from {table}"))).scalar_one())


async def test_old_rows_are_deleted_and_none_where_they_are_kept_for_ever(pool: Pool) -> None:
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text(NOTICES), {"at": NOW - 11 * DAY, "rows": AT_ONCE + 1})
        await connection.execute(sa.text(NOTICES), {"at": NOW - 8 * DAY, "rows": 3})
    await go(pool, days=0)
    assert await count(pool, "notice") == AT_ONCE + 4
    await go(pool, days=10)
    assert await count(pool, "notice") == 3


OBSERVED = """
insert into observed (dev_eui, deduplication_id, channel, space, at) values ('a840410000000001', gen_random_uuid(), 0, 1, :at)
"""
TRUTH = "insert into truth select id, :at, true from space"


async def test_what_is_compared_is_kept_as_long_as_uplinks(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    async with pool.engine.begin() as connection:
        for days in (1, 399, 401, 402):
            for statement in (OBSERVED, TRUTH):
                await connection.execute(sa.text(statement), {"at": NOW - days * DAY})
    await go(pool, days=400)
    assert [await count(pool, table) for table in ("observed", "truth")] == [2, 2]


HOUR = """
insert into occupancy_hour (site, zone, hour, seconds, spaces, occupied_seconds, arrivals, departures, stay_seconds)
values ('central', 'level-1', :at, 3600, 10, 0, 0, 0, 0)
"""


async def test_hours_are_kept_for_ever_or_as_long_as_the_configuration_says(pool: Pool) -> None:
    async with pool.engine.begin() as connection:
        for days in (1, 9, 11, 5000):
            await connection.execute(sa.text(HOUR), {"at": NOW - days * DAY})
    await go(pool, days=10)
    assert await count(pool, "occupancy_hour") == 4
    await go(pool, days=10, occupancy_hours=10)
    assert await count(pool, "occupancy_hour") == 2


RESERVATION = """
insert into reservation (space_id, during, status, by, ended_at)
values (1, tstzrange(:at, cast(:at as timestamptz) + interval '1 hour'), :status, 'anna', :ended_at)
"""
OFFER = "insert into offer (space, at, service, cause) values (:space, :at, 'in_service', 'anna')"


async def test_reservations_that_ended_long_ago_are_deleted_and_no_other_ones(pool: Pool) -> None:
    async with pool.engine.begin() as connection:
        for days, status, is_ended in ((401, "completed", True), (399, "no_show", True), (500, "booked", False)):
            at = NOW - days * DAY
            await connection.execute(
                sa.text(RESERVATION), {"at": at, "status": status, "ended_at": at if is_ended else None}
            )
    await go(pool, days=400)
    async with pool.engine.connect() as connection:
        left = await connection.execute(sa.text("select status from reservation order by id"))
        assert left.scalars().all() == ["no_show", "booked"]


async def test_of_old_offers_the_one_that_held_at_the_limit_stays(pool: Pool) -> None:
    """A correction of the time after the limit begins with it."""
    async with pool.engine.begin() as connection:
        for space, days in ((1, 500), (1, 450), (1, 300), (2, 600), (2, 600)):
            await connection.execute(sa.text(OFFER), {"space": space, "at": NOW - days * DAY})
    await go(pool, days=0)
    async with pool.engine.connect() as connection:
        left = await connection.execute(sa.text("select space, id from offer order by id"))
        assert [tuple(row) for row in left] == [(1, 2), (1, 3), (2, 5)]


async def test_a_message_that_the_broker_does_not_take_is_deleted_and_counted(pool: Pool) -> None:
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text(MESSAGE), {"at": NOW - DAY})
        await connection.execute(sa.text(MESSAGE), {"at": NOW + DAY})
    assert await go(pool, days=0) == Committed(outgoing_expired=1)
    assert await count(pool, "outgoing") == 1


async def test_recipients_that_no_configuration_has_any_more_are_forgotten_with_their_alerts(pool: Pool) -> None:
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text(NOTICES), {"at": NOW, "rows": 2})
        for statement in (
            (
                "insert into alert_recipient (name, kinds, seen_at) values"
                " ('here', '{fault}', now() - interval '29 days'), ('gone', '{fault}', now() - interval '31 days')"
            ),
            "insert into alert (recipient, notice) select name, id from alert_recipient, notice",
            "update alert set given_up_at = now() - interval '8 days' where notice = 10001",
        ):
            await connection.exec_driver_sql(statement)
    await go(pool, days=0)
    assert (await count(pool, "alert_recipient"), await count(pool, "alert"), await count(pool, "notice")) == (1, 1, 2)
