"""When the rounds go."""

import asyncio
from datetime import datetime, timedelta

from parking_gateway.clock.moment import Moment
from parking_gateway.clock.rounds import Round, Rounds
from parking_gateway.core.committed import Committed
from parking_gateway.process.waits import beside
from parking_gateway.store.database import Database
from parking_gateway.store.pool import Pool
from tests.events import NOON
from tests.whole_gateway import until, value


async def test_a_round_goes_when_the_wall_clock_is_set_beyond_its_time(pool: Pool) -> None:
    """A machine without a clock of its own starts with last month's time, and makes partitions once in an hour."""
    now = NOON
    failed: list[str] = []

    def moment() -> Moment:
        return Moment(now=now, listening_since=None, lost_after=timedelta(days=1))

    def note(name: str, diagnosis: object) -> None:
        if diagnosis is not None:
            failed.append(name)

    async def has_month() -> bool:
        return bool(await value(pool.engine, f"select to_regclass('uplink_{now:%Y_%m}') is not null"))

    rounds = Rounds(database=pool, moment=moment, report=lambda _: None, failed=note)
    async with beside(rounds.run()), asyncio.timeout(60):
        await until(has_month, "a partition of this month")
        now += timedelta(days=200)
        assert not await has_month()
        await until(has_month, "a partition of the month that the clock was set to")
    assert failed == []


async def gone(*, listening_since: datetime | None, pool: Pool) -> list[str]:
    """Which of two rounds has gone when one that never waits has gone twice."""
    names: list[str] = []

    async def go(_database: Database, _moment: Moment) -> Committed:
        return Committed()

    def moment() -> Moment:
        return Moment(now=NOON, listening_since=listening_since, lost_after=timedelta(days=1))

    async def are_enough() -> bool:
        return names.count("quick") > 1

    rounds = Rounds(
        database=pool,
        moment=moment,
        report=lambda _: None,
        failed=lambda name, _: names.append(name),
        rounds=[
            Round(name="patient", go=go, every=timedelta(minutes=1), can_wait=True),
            Round(name="impatient", go=go, every=timedelta(milliseconds=1), can_wait=True),
            Round(name="quick", go=go, every=timedelta(seconds=1.5)),
        ],
    )
    async with beside(rounds.run()), asyncio.timeout(60):
        await until(are_enough, "two rounds that do not wait")
    return sorted(set(names))


async def test_a_round_that_reads_all_rows_lets_a_backlog_go_first_but_not_for_long(pool: Pool) -> None:
    """It would take half of a database with a million spaces from the uplinks that are late already."""
    assert await gone(listening_since=None, pool=pool) == ["impatient", "quick"]
    assert await gone(listening_since=NOON, pool=pool) == ["impatient", "patient", "quick"]
