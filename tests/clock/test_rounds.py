"""When the rounds go."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from parking_gateway.clock.moment import Moment
from parking_gateway.clock.rounds import ROUNDS, Round, Rounds
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


class Backlog:
    """A gateway with a backlog, and the rounds that go beside it."""

    def __init__(self, pool: Pool, *rounds: Round) -> None:
        self.names: list[str] = []
        """Of the rounds that have gone."""
        self.is_over = False
        self.rounds = Rounds(
            database=pool,
            moment=self._moment,
            report=lambda _: None,
            failed=lambda name, _: self.names.append(name),
            rounds=rounds,
        )

    def _moment(self) -> Moment:
        return Moment(now=NOON, listening_since=NOON if self.is_over else None, lost_after=timedelta(days=1))

    def has_gone(self, name: str, times: int = 1) -> Callable[[], Awaitable[bool]]:
        """For `until`."""

        async def has_gone() -> bool:
            return self.names.count(name) >= times

        return has_gone


async def nothing(_database: Database, _moment: Moment) -> Committed:
    return Committed()


QUICK = Round(name="quick", go=nothing, every=timedelta(seconds=1.5))
"""When it goes again, a round that waits has looked again whether it still has to."""


async def test_a_round_that_reads_all_rows_lets_a_backlog_go_first_but_not_for_long(pool: Pool) -> None:
    """It would take half of a database with a million spaces from the uplinks that are late already."""
    backlog = Backlog(
        pool,
        Round(name="patient", go=nothing, waits=timedelta(minutes=1), every=timedelta(days=1)),
        Round(name="impatient", go=nothing, waits=timedelta(milliseconds=1), every=timedelta(days=1)),
        QUICK,
    )
    async with beside(backlog.rounds.run()), asyncio.timeout(60):
        await until(backlog.has_gone("quick", 2), "two rounds that do not wait")
        assert set(backlog.names) == {"impatient", "quick"}
        backlog.is_over = True
        await until(backlog.has_gone("patient"), "the round that waited")


@pytest.mark.parametrize("name", ["silence", "gaps", "overstays", "stuck", "downlinks"])
async def test_nothing_is_judged_while_an_event_that_refutes_it_may_be_missing(pool: Pool, name: str) -> None:
    (judge,) = (one for one in ROUNDS if one.name == name)
    backlog = Backlog(pool, judge, QUICK)
    async with beside(backlog.rounds.run()), asyncio.timeout(60):
        await until(backlog.has_gone("quick", 2), "two rounds that do not wait")
        assert name not in backlog.names
        backlog.is_over = True
        await until(backlog.has_gone(name), "the round that waited")
