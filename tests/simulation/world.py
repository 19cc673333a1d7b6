"""What all parts of a universe share: its dice, its faults, its clocks, and the way to do something outside of the gateway."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from tests.simulation.faults import Fault, Faults

NOON: Final = datetime(2026, 11, 26, 12, tzinfo=UTC)
"""When every universe begins."""
_POWER_CUTS: Final = 0.2
"""Of the rate of power cuts at commits and acknowledgements."""


class World:
    """Made within the event loop, outside of the gateway."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.faults = Faults(dice)
        self.step = timedelta()
        """By which the gateway's clock is wrong."""
        self.cut_power: Callable[[], None] = lambda: None
        """Ends the gateway where it stands."""
        self.mistakes: list[Exception] = []
        """Of the doubles: no universe may have any."""
        self._loop = asyncio.get_running_loop()
        self._context: Context = copy_context()

    def now(self) -> datetime:
        """The right time."""
        return NOON + timedelta(seconds=self._loop.time())

    def gateway_clock(self) -> datetime:
        """The time that the gateway's machine shows."""
        return self.now() + self.step

    def way(self) -> float:
        """Seconds that something travels through a network."""
        return self.dice.random() / 100

    def beside(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do the work outside of the gateway, whose end it outlives."""
        return self._context.run(self._loop.create_task, work)

    def at(self, time: float, work: Callable[[], None]) -> None:
        """Do it at this time of the loop, outside of the gateway. After its end nothing happens any more."""
        if self._loop.is_closed():
            return
        self._loop.call_at(time, work, context=self._context)
        # Nearly everything that the gateway waits for comes this way, so its power can be cut at any await.
        if self.dice.random() < _POWER_CUTS and self.faults.strikes(Fault.POWER_CUT):
            self.power_cut()

    def power_cut(self) -> None:
        """Cut the power a moment later, so that it can happen at any await."""
        self.at(self._loop.time() + self.dice.choice([0, 0, self.way()]), self.cut_power)

    def time(self) -> float:
        """The time of the loop, in seconds."""
        return self._loop.time()
