"""When to heal: after an absence, and after a gap in frame counters.

A session that was kept has only events of QoS 1, and a publisher at QoS 0 looks like none. So every absence is looked into. It
costs a list of the devices; only those of which an uplink is missing are asked for.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from parking_gateway.core.events import DevEui
from parking_gateway.intake.healing import Absence, Healing, Sources
from parking_gateway.intake.loop import Intake
from parking_gateway.process.config import Config
from parking_gateway.process.waits import until_calm
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store import recovery
from parking_gateway.store.gateways import LastSigns

_MARGIN: Final = timedelta(minutes=2)
"""The last sign of life is known to ten seconds, and clocks differ by a minute."""
_FRAME: Final = timedelta(seconds=1)
"""ChirpStack notes that it heard a device 0.2 s after the frame came, and a device sends no two frames within a second."""
_JUST_NOW: Final = timedelta(seconds=10)
"""A session that was kept delivers before the connection counts as one, and clocks differ. So a device that was heard shortly
before it may have a recorded uplink that came after the absence."""
_BEGINS_WITHIN: Final = 1.0
"""Seconds. By then the broker has begun to send what it kept."""


class Recovery:
    """The occasions of healing in one gateway. Without `chirpstack.api_url` it does nothing."""

    def __init__(
        self,
        config: Config,
        *,
        intake: Intake,
        complain: Callable[[str, str | None], None],
        clock: WallClock,
        has_backlog: Callable[[], bool],
    ) -> None:
        """`has_backlog`: whether events wait that are not recorded."""
        self._intake = intake
        self._clock = clock
        self._has_backlog = has_backlog
        self._was_absent = False
        """Whether events may have been lost since the last connection."""
        self._away_since: datetime | None = None
        self._is_connected = False
        self._healing: Healing | None = None
        if config.chirpstack.api_url is not None:
            sources = Sources(known=self._known, recorded=self._recorded, settled=self._settled)
            self._healing = Healing(config.chirpstack, intake=intake, sources=sources, complain=complain)

    def look_back(self, signs: LastSigns) -> None:
        """Since when events may be lost. To be called before the first event of this process."""
        self._away_since = signs.watched_at
        # A gateway beside this one that is there now has received the events meanwhile.
        others = signs.others_watched_at
        self._was_absent = others is None or others < self._clock() - _MARGIN

    def connected(self, *, is_session_lost: bool) -> None:
        """Events are subscribed to, so that none is lost between what is healed and what comes."""
        if self._healing is not None and (is_session_lost or self._was_absent):
            since = self._away_since and self._away_since - _MARGIN
            self._healing.ask_all(Absence(since=since, until=self._clock() - _JUST_NOW))
        self._was_absent, self._is_connected = False, True

    def disconnected(self) -> None:
        """From now on events may be lost. After a connection that never received events nothing changes."""
        if self._is_connected:
            self._away_since, self._is_connected, self._was_absent = self._clock(), False, True

    def missing(self, devices: Collection[DevEui]) -> None:
        """Uplinks of these devices are missing."""
        if self._healing is not None and devices:
            self._healing.ask(devices)

    async def run(self) -> None:
        """Heal whenever there is an occasion, until cancelled."""
        if self._healing is not None:
            await self._healing.run()

    async def _settled(self) -> None:
        await asyncio.sleep(_BEGINS_WITHIN)
        await until_calm(self._has_backlog)

    async def _known(self) -> Sequence[DevEui]:
        return await self._intake.patience(self._list, purpose="listing the devices to heal")

    async def _list(self) -> list[DevEui]:
        async with self._intake.database.connect() as connection:
            (devices,) = await connection.commit_together(recovery.devices())
            return devices

    async def _recorded(self, heard: Mapping[DevEui, datetime], before: datetime) -> Collection[DevEui]:
        async def look_up() -> set[DevEui]:
            async with self._intake.database.connect() as connection:
                (found,) = await connection.commit_together(
                    recovery.recorded({dev_eui: at - _FRAME for dev_eui, at in heard.items()}, before=before)
                )
                return found

        return await self._intake.patience(look_up, purpose="comparing the devices with ChirpStack's")
