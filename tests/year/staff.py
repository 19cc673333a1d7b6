"""The people of the city: they reserve, take spaces out of service, and replace sensors that are silent. All by requests over MQTT."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Final

from benchmarks.car_park import CODEC, dev_eui_of
from tests.year.city import BEGIN, DAY, HOUR, VALET
from tests.year.ledger import Ledger
from tests.year.life import Life
from tests.year.wire import Wire

_RESERVED_FROM: Final = 6
RESERVED_UNTIL: Final = 12
"""The hour at which all reservations of the day have to have begun, because people come from then on."""
GRACE: Final = timedelta(hours=16)
"""Who has not come at 22:00 does not come. The reservations end on the next day, so the clock stops between both."""
_COMES: Final = 0.8
_PER_DAY: Final = 20
_CLOSED_PER_DAY: Final = 8
_CLOSED_DAYS: Final = 3


class Staff:
    """Their work, by the hour of the day."""

    def __init__(self, life: Life, ledger: Ledger, wire: Wire, *, replaced_after: int, seed: int) -> None:
        """`replaced_after`: seconds from the last uplink of a sensor to its replacement."""
        self._life = life
        self._ledger = ledger
        self._wire = wire
        self._replaced_after = replaced_after
        self._dice = Random(seed)
        self._valet = [
            space for one in life.zones if one.kind is VALET for space in range(one.first, one.first + one.spaces)
        ]

    async def work(self, hour: int) -> None:
        """Do what is to be done at the beginning of this hour since the beginning of the simulation."""
        time, of_day = hour * HOUR, hour % 24
        if of_day == 0:
            await self._close(time)
        if of_day == 6:
            await self._replace(time)
        if of_day == 18:
            await self._reserve(time // DAY + 1)

    async def _close(self, time: int) -> None:
        picked = [self._dice.randrange(self._life.spaces) for _ in range(_CLOSED_PER_DAY)]
        closed = set(self._life.closed(time))
        quiet = sorted({space for space in picked if self._life.is_quiet(space)} - closed)
        until = time + _CLOSED_DAYS * DAY + 12 * HOUR
        for space in quiet:
            self._life.close(space, until)
        self._ledger.happened["closed"] += len(quiet)
        end = (BEGIN + timedelta(seconds=until)).isoformat()
        await self._all(
            [
                self._wire.ask("space/maintenance", **self._place(space), on=True, reason="works", until=end)
                for space in quiet
            ]
        )

    async def _replace(self, time: int) -> None:
        due = [space for space, last in self._life.dead.items() if last + self._replaced_after <= time]
        for space in due:
            old = self._life.device[space]
            await self._wire.ask("device/unassign", dev_eui=dev_eui_of(old))
            new = self._life.replace_sensor(space, time)
            await self._wire.ask("device/assign", **self._place(space), dev_eui=dev_eui_of(new), codec=CODEC)
        self._ledger.happened["replaced"] += len(due)

    async def _reserve(self, day: int) -> None:
        if day + 1 >= self._life.plan.days:
            return  # they would end after the year
        # They end on the next day, so every other space is used. A sensor that was never heard would not show that nobody comes.
        free = [space for space in self._valet[day % 2 :: 2] if self._life.has_spoken(space)]
        picked = self._dice.sample(free, min(_PER_DAY, len(free)))
        start, end = day * DAY + _RESERVED_FROM * HOUR, (day + 1) * DAY + _RESERVED_FROM * HOUR
        requests = []
        for space in picked:
            comes = self._dice.random() < _COMES
            arrives = day * DAY + RESERVED_UNTIL * HOUR + self._dice.randrange(6 * HOUR) if comes else None
            self._life.reserve(space, arrives=arrives, leaves=end + HOUR + self._dice.randrange(4 * HOUR))
            self._ledger.reservations[day, "completed" if comes else "no_show"] += 1
            times = {
                "start": (BEGIN + timedelta(seconds=start)).isoformat(),
                "end": (BEGIN + timedelta(seconds=end)).isoformat(),
            }
            requests.append(
                self._wire.ask("reservation/create", **self._place(space), **times, request_id=f"{space} {day}")
            )
        await self._all(requests)

    def _place(self, space: int) -> dict[str, str]:
        zone = self._life.zones[self._life.zone_of[space]]
        return {"site": zone.site, "zone": zone.name, "space": f"s{space}"}

    @staticmethod
    async def _all(requests: Sequence[object]) -> None:
        await asyncio.gather(*requests)  # type: ignore[call-overload]
