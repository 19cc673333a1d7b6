"""Faults that come at a time and last: each at a moment of the story that the dice choose."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from tests.simulation.broker import Broker
from tests.simulation.disk import Disk
from tests.simulation.faults import Fault
from tests.simulation.server import Server
from tests.simulation.world import World

_HAPPEN_LATER: Final = (Fault.DISK_FULL, Fault.FAILED_OVER, Fault.RESTORED)


class Weather:
    """All that lasts in one universe."""

    def __init__(self, world: World, *, server: Server, broker: Broker, disks: Sequence[Disk], until: float) -> None:
        self._world = world
        self._server = server
        self._broker = broker
        self._disks = disks
        self._until = until

    async def run(self) -> None:
        """Let all of it happen, and return when it is over."""
        async with asyncio.TaskGroup() as group:
            for one in self._world.faults.lasting:
                group.create_task(self._happen(one))
        self._world.step = timedelta()

    async def _happen(self, fault: Fault) -> None:
        dice, happened = self._world.dice, self._world.faults.happened
        await asyncio.sleep(dice.uniform(0, self._until))
        seconds = dice.choice([0.1, 1, 5, 60])
        if fault not in _HAPPEN_LATER:
            happened[fault] += 1
        match fault:
            case Fault.DATABASE_AWAY:
                self._server.is_away = True
                self._server.end_sessions()
                await asyncio.sleep(seconds)
                self._server.is_away = False
            case Fault.DATABASE_DEAF:
                self._server.is_deaf = True
                await asyncio.sleep(seconds)
                self._server.is_deaf = False
            case Fault.DISK_FULL:
                await self._fill_disk(seconds)
            case Fault.FAILED_OVER | Fault.RESTORED:
                await self._go_back(fault)
            case Fault.MOVED:
                self._broker.move()
                await asyncio.sleep(seconds)
                self._broker.move_back()
            case Fault.BROKER_AWAY | Fault.SESSION_LOST | Fault.RETAINED_LOST:
                await self._stop_broker(fault, seconds)
            case Fault.CLOCK_FORWARD:
                self._world.step += timedelta(seconds=dice.uniform(1, 7200))
            case Fault.CLOCK_BACK:
                self._world.step -= timedelta(seconds=dice.uniform(1, 3000))
            case _:
                raise AssertionError(fault)

    async def _fill_disk(self, seconds: float) -> None:
        """While the database is away, because only then is anything written."""
        for one in self._disks:
            one.is_full = True
        self._server.is_away = True
        self._server.end_sessions()
        self._world.faults.happened[Fault.DATABASE_AWAY] += 1
        await asyncio.sleep(2 + seconds)
        for one in self._disks:
            one.is_full = False
        await asyncio.sleep(2)
        self._server.is_away = False

    async def _go_back(self, fault: Fault) -> None:
        """To the state of some time ago. What was recorded since then is gone."""
        server, rows = self._server, self._server.tables.rows
        restore = server.tables.backup()
        await asyncio.sleep(self._world.dice.uniform(0.1, 15))
        server.is_away = True
        server.end_sessions()
        self._world.faults.happened[fault] += 1
        recorded = {row["deduplication_id"] for row in rows["uplink"].values()}
        restore()
        server.lost |= recorded - {row["deduplication_id"] for row in rows["uplink"].values()}
        identity = server.identity
        if fault is Fault.FAILED_OVER:
            server.identity = replace(identity, timeline=identity.timeline + 1)
        else:
            server.identity = replace(identity, system_identifier="2")
        await asyncio.sleep(1)
        server.is_away = False

    async def _stop_broker(self, fault: Fault, seconds: float) -> None:
        self._broker.is_away = True
        self._broker.hang_up()
        if fault is Fault.SESSION_LOST:
            # Of a session that the database never heard of, nobody can say that it is lost.
            self._broker.known_sessions_lost += bool(self._server.tables.rows["broker_session"])
            self._broker.lose_sessions()
        elif fault is Fault.RETAINED_LOST:
            self._broker.lose_retained()
        await asyncio.sleep(seconds)
        self._broker.is_away = False
