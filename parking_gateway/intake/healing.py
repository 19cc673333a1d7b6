"""Healing: uplinks that were lost on their way are fetched from ChirpStack's memory, and go the ordinary way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.broker.message import Message
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui
from parking_gateway.intake.loop import Intake
from parking_gateway.intake.memory import Memory, Unanswered, opened
from parking_gateway.process.config.chirpstack import ChirpStackConfig
from parking_gateway.process.waits import Backoff

STREAMS: Final = 8
"""Devices at a time."""
_PROBLEM: Final = "healing"
_BACKOFF: Final = Backoff(shortest=timedelta(seconds=1), longest=timedelta(minutes=1))


class Healed(msgspec.Struct, kw_only=True):
    """The result of healing."""

    devices: int = 0
    """Devices whose stored events were fetched."""
    uplinks: int = 0
    """Fetched uplinks that were not recorded before."""
    repeated: int = 0
    """Fetched uplinks that were recorded before."""


class Healing:
    """Devices that have to be healed, and the task that does it. While ChirpStack does not answer, they wait."""

    def __init__(
        self,
        config: ChirpStackConfig,
        *,
        intake: Intake,
        everybody: Callable[[], Awaitable[Iterable[DevEui]]],
        complain: Callable[[str, str | None], None],
    ) -> None:
        """`everybody` lists all devices. `complain` is called with a sentence while ChirpStack does not give its events."""
        self._config = config
        self._intake = intake
        self._everybody = everybody
        self._complain = complain
        self._waiting: dict[DevEui, datetime | None] = {}
        self._all: list[datetime | None] = []
        self._asked = asyncio.Event()

    def ask(self, devices: Iterable[DevEui], *, since: datetime | None = None) -> None:
        """Have the uplinks of these devices fetched from this time on. None: all that ChirpStack stores."""
        for dev_eui in devices:
            self._waiting[dev_eui] = _earlier(self._waiting.get(dev_eui, since), since)
        self._asked.set()

    def ask_all(self, *, since: datetime | None) -> None:
        """Have the uplinks of all devices fetched, as `ask` does."""
        self._all.append(since)
        self._asked.set()

    async def run(self) -> None:
        """Heal until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                async with opened(self._config) as memory:
                    await self._heal(memory)
            except Unanswered as failure:  # without the package, no attempt can succeed
                self._complain(_PROBLEM, str(failure))

    async def _heal(self, memory: Memory) -> None:
        healed, failures = Healed(), 0
        why: dict[DevEui, str] = {}
        while self._all or self._waiting:
            while self._all:
                since = self._all.pop()
                self.ask(await self._everybody(), since=since)
            devices = dict(islice(self._waiting.items(), STREAMS))
            failed = await heal(memory, devices, intake=self._intake, healed=healed)
            for dev_eui in devices.keys() - failed.keys():
                self._waiting.pop(dev_eui, None)
                why.pop(dev_eui, None)
            why |= failed
            self._complain(_PROBLEM, next(iter(why.values()), None))
            if not failed:
                failures = 0
                continue
            for dev_eui in failed:  # behind all others, because one device may be refused
                self._waiting[dev_eui] = self._waiting.pop(dev_eui)
            failures += 1
            await asyncio.sleep(_BACKOFF.wait(failures))
        if healed.devices:
            logger.bind(devices=healed.devices, uplinks=healed.uplinks).info("Healed from ChirpStack's memory")


async def heal(
    memory: Memory, devices: Mapping[DevEui, datetime | None], *, intake: Intake, healed: Healed
) -> dict[DevEui, str]:
    """Fetch and record the stored uplinks of these devices, all at a time. Returns why devices could not be healed."""

    def count(committed: Committed) -> None:
        healed.uplinks += len(committed.recorded)
        healed.repeated += committed.duplicates
        intake.report(committed)

    counted = msgspec.structs.replace(intake, report=count)
    failed: dict[DevEui, str] = {}

    async def one(dev_eui: DevEui, since: datetime | None) -> list[Message]:
        try:
            return await memory.uplinks(dev_eui, since=since)
        except Unanswered as failure:
            failed[dev_eui] = str(failure)
            return []

    fetched = await asyncio.gather(*(one(dev_eui, since) for dev_eui, since in devices.items()))
    if messages := [message for part in fetched for message in part]:
        await counted.commit(messages)
    healed.devices += len(devices) - len(failed)
    return failed


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)
