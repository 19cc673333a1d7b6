"""The clock goes its rounds: work that is due because time passes, not because a message came.

A new cause is a new file beside this one, and a line in `ROUNDS`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from parking_gateway.clock import (
    counts,
    downlinks,
    gaps,
    history,
    hours,
    maintenance,
    old_rows,
    overstays,
    partitions,
    places,
    problems,
    reservations,
    retention,
    silence,
    stuck,
)
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.process.waits import until_calm
from parking_gateway.store.archive_file import ArchiveFailed
from parking_gateway.store.database import Database
from parking_gateway.store.verdicts import FAILURES, Diagnosis, Verdict, diagnosis_of


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Work that is due again and again."""

    name: str
    go: Callable[[Database, Moment], Awaitable[Committed]]
    """Raises what the database raises, or ArchiveFailed."""
    every: timedelta
    waits: timedelta = timedelta(0)
    """How long it waits at most while events can be missing, or wait in a backlog."""


_TO_THE_END: Final = timedelta.max
"""It judges by what has come, and what is missing may say otherwise."""
_A_MINUTE: Final = timedelta(minutes=1)
"""It reads all rows, and uplinks come first."""
PARTITIONS: Final = Round(name="partitions", go=partitions.go, every=timedelta(hours=1))
ROUNDS: Final = (
    PARTITIONS,
    Round(name="silence", go=silence.go, waits=_TO_THE_END, every=timedelta(seconds=10)),
    Round(name="gaps", go=gaps.go, waits=_TO_THE_END, every=timedelta(seconds=10)),
    Round(name="history", go=history.go, every=timedelta(seconds=1)),
    Round(name="hours", go=hours.go, waits=_A_MINUTE, every=timedelta(minutes=1)),
    Round(name="reservations", go=reservations.go, every=reservations.EVERY),
    Round(name="overstays", go=overstays.go, waits=_TO_THE_END, every=overstays.EVERY),
    Round(name="problems", go=problems.go, waits=_A_MINUTE, every=timedelta(minutes=1)),
    Round(name="stuck", go=stuck.go, waits=_TO_THE_END, every=timedelta(minutes=10)),
    Round(name="maintenance", go=maintenance.go, every=maintenance.EVERY),
    Round(name="counts", go=counts.go, every=timedelta(seconds=10)),
    Round(name="places", go=places.go, waits=_A_MINUTE, every=timedelta(seconds=30)),
    Round(name="retention", go=retention.go, every=timedelta(minutes=10)),
    Round(name="downlinks", go=downlinks.go, waits=_TO_THE_END, every=timedelta(seconds=1)),
    Round(name="old_rows", go=old_rows.go, every=timedelta(minutes=10)),
)
_AGAIN: Final = timedelta(seconds=10)
"""After an attempt that failed. A round of the clock loses nothing by waiting."""
_LOOK_SECONDS: Final = 1.0
"""Between two looks at the wall clock."""


class Rounds(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds of one gateway."""

    database: Database
    moment: Callable[[], Moment]
    report: Callable[[Committed], None]
    """Called with every commit."""
    failed: Callable[[str, Diagnosis | None], None]
    """Called after every attempt with the name of its round, and the reason if it failed."""
    rounds: Sequence[Round] = ROUNDS

    async def run(self) -> None:
        """Go round until cancelled: each round in its own time, because an archive takes minutes."""
        async with asyncio.TaskGroup() as group:
            for one in self.rounds:
                group.create_task(self._repeat(one))

    async def _repeat(self, one: Round) -> None:
        time = asyncio.get_running_loop().time
        while True:
            await until_calm(lambda: self.moment().listening_since is None, within=one.waits.total_seconds())
            began, now = time(), self.moment().now
            committed = await self.go(one)
            every = min(one.every, _AGAIN) if committed is None else one.every
            due_at = now + every
            if committed is not None and committed.due_at is not None:
                due_at = min(due_at, committed.due_at)
            await self._sleep(began + every.total_seconds(), due_at)

    async def _sleep(self, due: float, due_at: datetime) -> None:
        """Sleep until `due` by the loop's clock or `due_at` by the wall clock, whichever comes first.

        The loop's clock stands still while the machine is suspended, and knows nothing of a wall clock that is set: without
        `due_at`, a machine that starts with last month's time would have no partition of this month for an hour.
        """
        time = asyncio.get_running_loop().time
        while True:
            rest = min(due - time(), (due_at - self.moment().now).total_seconds())
            if rest <= 0:
                return
            await asyncio.sleep(min(rest, _LOOK_SECONDS))

    async def go(self, one: Round) -> Committed | None:
        """Go one round, once. None: the database did not take it; another attempt may follow."""
        try:
            committed = await one.go(self.database, self.moment())
        except FAILURES as error:
            self.database.renew()
            self.failed(one.name, diagnosis_of(error))
            return None
        except ArchiveFailed as failure:
            self.failed(one.name, Diagnosis(verdict=Verdict.NOT_OURS, message=str(failure)))
            return None
        self.failed(one.name, None)
        self.report(committed)
        return committed
