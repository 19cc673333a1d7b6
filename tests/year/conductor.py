"""The days of the city: the conductor sets the clock, publishes the traffic, and breaks the processes at their appointed times."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final, LiteralString

import msgspec
import psycopg
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from parking_gateway.process.waits import beside
from tests.year.city import BEGIN, DAY, date_of
from tests.year.gauges import Day, Gauges
from tests.year.ledger import Ledger
from tests.year.life import Life, Published
from tests.year.machines import Machines
from tests.year.staff import GRACE, RESERVED_UNTIL, Staff
from tests.year.truth import Truth
from tests.year.wire import Wire

_CHUNK: Final = 400
"""Uplinks that are published at once."""
SLICE: Final = 6
"""Hours by which the clock is set forward at once."""
_SETTLING: Final = 120
"""Seconds for the rounds of the clock, until the figures have to be right."""
_COMPARED_ON: Final = 7
"""The day of the month on which the month before is compared: late uplinks have come by then, and all of its cars have left. The
ledger has a stay when it has ended, and the longest is five days."""
_DONE: Final = (
    "gateway stopped",
    "gateway killed",
    "primary killed, standby promoted",
    "broker restarted",
    "all compared",
)
_BEGUN: Final = "select count(*) from reservation where status = 'booked' and lower(during) <= %s"
_WAITING: Final = "select count(*) from reservation where status = 'holding' and lower(during) <= %s"
_STAYING: Final = """
select count(*) from space join zone on zone.id = space.zone_id
where space.state = 'OCCUPIED' and space.overstay is null and space.arrived_at + make_interval(secs => zone.max_stay) <= %s
"""


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """When the processes are broken."""

    restart_every: int
    """Days. Every second restart is `kill -9`."""
    failover_days: frozenset[int]
    """Days of the month on which the primary is killed."""
    broker_days: frozenset[int]
    """Days of the month on which the broker is started again."""


class Wrong(Exception):  # noqa: N818 - it is what was found
    """Something is not true at the end of a day. The message names the day."""


class Conductor:
    """Plays the year."""

    def __init__(
        self, machines: Machines, life: Life, ledger: Ledger, faults: Faults, say: Callable[[str], None]
    ) -> None:
        self.days: list[Day] = []
        self.times = dict.fromkeys(_DONE, 0)
        """How often each thing was done."""
        self._machines = machines
        self._life = life
        self._ledger = ledger
        self._faults = faults
        self._say = say
        self._wire = Wire(machines.broker.url)
        self._truth = Truth(life, ledger)
        # The gateway may have been started again meanwhile, and listens since then.
        replaced_after = life.plan.lost_after + faults.restart_every * DAY
        self._noticed_within = -(-replaced_after // DAY) + 1
        self._staff = Staff(life, ledger, self._wire, replaced_after=replaced_after, seed=2)
        self._compared = 0
        """Days that were compared."""

    async def play(self, *, within: float) -> None:
        """All days, and the comparison at the end. After so many seconds it comes to its end. Raises Wrong."""
        began, is_over = time.monotonic(), False
        await self._machines.start_gateway()
        gauges = Gauges(self._machines)
        async with beside(self._wire.run()):
            while (day := len(self.days)) < self._life.plan.days:
                if not is_over and time.monotonic() - began > within:
                    is_over = True
                    self._life.shorten(day + self._noticed_within)
                    self._say(f"The time is over: {self._noticed_within} more days, in which no sensor dies")
                await self._day(day, gauges)
            await self._end()

    async def _day(self, day: int, gauges: Gauges) -> None:
        began, number = time.monotonic(), self._life.number
        date, marks = date_of(day), self._marks(day)
        if date.day == _COMPARED_ON and day >= _COMPARED_ON:
            await self._compare(day - _COMPARED_ON + 1)
        for part, begin in enumerate(range(day * 24, (day + 1) * 24, SLICE)):
            if begin % 24 == 0:
                # Nobody is judged while the gateway starts again, and that takes as long as a day here.
                await self._until(self._has_judged, f"all reservations and stays before {date} judged")
            if begin % 24 == RESERVED_UNTIL:
                await self._until(self._has_begun, f"all reservations of {date} begun")
            await self._staff.work(begin)
            events = self._life.slice(begin, begin + SLICE)
            # All of them are past now, and no clock goes on while they are recorded.
            self._machines.clock.reach(BEGIN + timedelta(hours=begin + SLICE))
            breaks = marks[part : part + 1]
            await self._publish(events, breaks[0] if breaks else None)
            await self._wire.caught_up()
        self._note(day, gauges, began, number, marks)

    def _marks(self, day: int) -> tuple[str, ...]:
        """What is broken on this day, one in each slice."""
        faults, of_month = self._faults, date_of(day).day
        due = {
            "restart": day % faults.restart_every == faults.restart_every - 1,
            "failover": of_month in faults.failover_days,
            "broker": of_month in faults.broker_days,
        }
        return tuple(name for name, is_due in due.items() if is_due)

    async def _publish(self, events: list[Published], broken: str | None) -> None:
        """Publish them. Half way, something is broken, and uplinks are published until it is mended."""
        half = len(events) // 2 if broken else len(events)
        for start in range(0, half, _CHUNK):
            await self._wire.publish(events[start : min(half, start + _CHUNK)])
            await self._wire.room()
        if broken:
            async with self._broken(broken):
                await self._wire.publish(events[half:])

    @asynccontextmanager
    async def _broken(self, what: str) -> AsyncIterator[None]:
        machines = self._machines
        match what:
            case "restart" if self.times["gateway stopped"] > self.times["gateway killed"]:
                machines.gateway.kill()
                assert machines.gateway.wait() == -9
                self.times["gateway killed"] += 1
            case "restart":
                assert await asyncio.to_thread(machines.gateway.terminate) == 0
                self.times["gateway stopped"] += 1
            case "failover":
                await machines.promote_standby()
                self.times["primary killed, standby promoted"] += 1
            case _:
                await machines.restart_broker()
                self.times["broker restarted"] += 1
        yield
        if what == "restart":
            await machines.start_gateway()
        if what == "failover":
            # Commits wait until the promoted server has a standby again.
            await machines.rebuild_standby()

    async def _compare(self, after: int) -> None:
        """Compare the days since the last comparison, up to this one."""
        await self._wire.caught_up()
        await self._right(partial(self._wrong_days, self._compared, after))
        self._compared = after
        self.times["all compared"] += 1

    async def _end(self) -> None:
        end = self._life.plan.days * DAY
        self._life.end(end)
        await self._compare(self._life.plan.days)
        await self._right(partial(self._truth.present, self._machines.url, self._machines.broker.url, end))

    async def _wrong_days(self, first: int, after: int) -> list[str]:
        if not await asyncio.to_thread(self._truth.is_settled, self._machines.url):
            return ["Late uplinks are not corrected yet"]
        return await asyncio.to_thread(self._truth.days, self._machines.url, first, after)

    async def _right(self, differences: Callable[[], object]) -> None:
        """Compare until nothing differs. Raises Wrong after a while."""
        deadline = time.monotonic() + _SETTLING
        while found := await differences():  # type: ignore[misc]
            if time.monotonic() > deadline:
                raise Wrong("\n".join(found))
            await asyncio.sleep(1)

    async def _has_begun(self) -> bool:
        return await self._is_none(_BEGUN, self._machines.clock.now)

    async def _has_judged(self) -> bool:
        now = self._machines.clock.now
        return await self._is_none(_WAITING, now - GRACE) and await self._is_none(_STAYING, now)

    async def _is_none(self, counting: LiteralString, until: datetime) -> bool:
        def look() -> bool:
            with psycopg.connect(self._machines.url) as connection:
                return connection.execute(counting, [until]).fetchone() == (0,)

        return await asyncio.to_thread(look)

    async def _until(self, holds: Callable[[], object], expected: str) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_result(lambda held: not held), wait=wait_fixed(0.2), stop=stop_after_delay(_SETTLING)
        )
        try:
            await retrying(holds)  # type: ignore[type-var]
        except RetryError:
            raise Wrong(f"Not within {_SETTLING} s: {expected}") from None

    def _note(self, day: int, gauges: Gauges, began: float, number: int, marks: tuple[str, ...]) -> None:
        waits, self._wire.latencies = sorted(self._wire.latencies), []
        memory, sizes, used = gauges.memory(), gauges.sizes(), gauges.look()
        middle, worst = (waits[int(len(waits) * share)] if waits else 0.0 for share in (0.5, 0.99))
        noted = Day(
            number=day,
            seconds=time.monotonic() - began,
            uplinks=self._life.number - number,
            latencies=(middle, worst),
            gateway_bytes=memory[0],
            broker_bytes=memory[1],
            uplink_table_bytes=sizes[0],
            history_bytes=sizes[1],
            hours_bytes=sizes[2],
            database_bytes=sizes[3],
            gateway_seconds=used["gateway"],
            database_seconds=used["database"],
            broker_seconds=used["broker"],
            marks=marks,
        )
        self.days.append(noted)
        self._say(
            f"{date_of(day)}: {noted.uplinks:,} uplinks in {noted.seconds:.1f} s, {middle * 1000:.0f} and {worst * 1000:.0f} ms,"
            f" gateway {noted.gateway_bytes / 1e6:.0f} MB, database {noted.database_bytes / 1e6:.0f} MB"
            f"{', ' if marks else ''}{' and '.join(marks)}"
        )
