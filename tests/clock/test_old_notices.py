"""Notices are kept as long as the configuration says, and messages that nobody takes for seven days."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from parking_gateway.clock import old_notices
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.store.notices import AT_ONCE
from parking_gateway.store.pool import Pool

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NOTICES = """
insert into notice (id, at, kind, details)
select n + case when :at < now() - interval '9 days' then 0 else 10000 end, :at, 'fault', '{}' from generate_series(1, :rows) n
"""
MESSAGE = "insert into outgoing (body, expires_at) values ('{}', :at)"


async def go(pool: Pool, *, days: int) -> Committed:
    moment = Moment(now=NOW, listening_since=None, lost_after=DAY, retention=RetentionConfig(notices=days))
    return await old_notices.go(pool, moment)


async def count(pool: Pool, table: str) -> int:
    async with pool.engine.connect() as connection:
        return int((await connection.execute(sa.text(f"select count(*) from {table}"))).scalar_one())


async def test_old_notices_are_deleted_and_none_where_they_are_kept_for_ever(pool: Pool) -> None:
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text(NOTICES), {"at": NOW - 11 * DAY, "rows": AT_ONCE + 1})
        await connection.execute(sa.text(NOTICES), {"at": NOW - 8 * DAY, "rows": 3})
    await go(pool, days=0)
    assert await count(pool, "notice") == AT_ONCE + 4
    await go(pool, days=10)
    assert await count(pool, "notice") == 3


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
