"""When the rounds go."""

import asyncio
from datetime import timedelta

from parking_gateway.clock.moment import Moment
from parking_gateway.clock.rounds import Rounds
from parking_gateway.process.waits import beside
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
