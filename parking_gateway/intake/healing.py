"""Healing: events that were lost on their way are fetched from ChirpStack's memory, and go the ordinary way."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
from loguru import logger

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui, DeviceEvent
from parking_gateway.intake.loop import Intake
from parking_gateway.intake.memory import Memory, opened
from parking_gateway.intake.refusals import Refused, Silent, Unanswered
from parking_gateway.process.config.chirpstack import ChirpStackConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store import device_events
from parking_gateway.store.device_events import Identity

STREAMS: Final = 32
"""Devices at a time. ChirpStack asks its Redis once a second for each, over 100 connections unless configured otherwise."""
_SILENT_ATTEMPTS: Final = 20
"""At a device of which ChirpStack gives no event: for a quarter of an hour. Its Redis may hang, or may have lost the events."""
_PROBLEM: Final = "healing"
_BACKOFF: Final = Backoff(shortest=timedelta(seconds=1), longest=timedelta(minutes=1))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of a device are to be fetched."""

    since: datetime | None = None
    """None: all that ChirpStack stores."""
    heard_at: datetime | None = None
    """When ChirpStack last heard the device. None: that is not known."""
    silent_attempts: int = 0


class Healed(msgspec.Struct, kw_only=True):
    """The result of healing."""

    devices: int = 0
    """Devices whose stored events were fetched."""
    uplinks: int = 0
    """Fetched uplinks that were not recorded before."""
    repeated: int = 0
    """Fetched uplinks that were recorded before."""
    others: int = 0
    """Fetched events of other kinds that were not recorded before."""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which events may have been lost."""

    since: datetime | None
    """None: for ever."""
    until: datetime

    def with_(self, other: "Absence | None") -> "Absence":
        """The time of both."""
        if other is None:
            return self
        return Absence(since=_earlier(self.since, other.since), until=max(self.until, other.until))


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What healing asks its gateway."""

    known: Callable[[], Awaitable[Sequence[DevEui]]]
    """All devices, those first that sent lately."""
    recorded: Callable[[Mapping[DevEui, datetime], datetime], Awaitable[Collection[DevEui]]]
    """Which of these devices have an uplink of that time or later, and one before the other time."""
    settled: Callable[[], Awaitable[None]]
    """Waits until what the broker kept is recorded."""


class Healing:
    """Devices that have to be healed, and the task that does it. While ChirpStack does not answer, they wait."""

    def __init__(
        self,
        config: ChirpStackConfig,
        *,
        intake: Intake,
        sources: Sources,
        complain: Callable[[str, str | None], None],
    ) -> None:
        """`complain` is called with a sentence while ChirpStack does not give its events."""
        self._config = config
        self._intake = intake
        self._sources = sources
        self._complain = complain
        self._waiting: dict[DevEui, Wanted] = {}
        self._absence: Absence | None = None
        self._asked = asyncio.Event()

    def ask(self, devices: Iterable[DevEui]) -> None:
        """Have all stored events of these devices fetched."""
        for dev_eui in devices:
            self._want(dev_eui, Wanted())
        self._asked.set()

    def ask_all(self, absence: Absence) -> None:
        """Have the events of this time fetched, of all devices whose last uplink of it is not recorded."""
        self._absence = absence.with_(self._absence)
        self._asked.set()

    def _want(self, dev_eui: DevEui, one: Wanted) -> None:
        before = self._waiting.get(dev_eui, one)
        since = _earlier(one.since, before.since)
        self._waiting[dev_eui] = Wanted(since=since, heard_at=one.heard_at or before.heard_at)

    async def run(self) -> None:
        """Heal until cancelled."""
        failures = 0
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                async with opened(self._config) as memory:
                    failures = 0
                    await self._heal(memory)
            except Unanswered as failure:  # a file or the package is missing, and may be there again later
                self._complain(_PROBLEM, str(failure))
                failures += 1
                await asyncio.sleep(_BACKOFF.wait(failures))
                self._asked.set()

    async def _heal(self, memory: Memory) -> None:
        healed, failures = Healed(), 0
        why: dict[DevEui, str] = {}
        while self._absence or self._waiting:
            failure = await self._find(memory)
            is_healed = failure is None and await self._fetch(memory, healed, why)
            self._complain(_PROBLEM, failure or next(iter(why.values()), None))
            failures = 0 if is_healed else failures + 1
            if not is_healed and (self._absence or self._waiting):
                await asyncio.sleep(_BACKOFF.wait(failures))
        if healed.devices:
            logger.bind(devices=healed.devices, uplinks=healed.uplinks, others=healed.others).info(
                "Healed from ChirpStack's memory"
            )

    async def _find(self, memory: Memory) -> str | None:
        """Find the devices of which events were lost in an absence. Returns why ChirpStack does not list its devices."""
        if self._absence is None:
            return None
        await self._sources.settled()
        absence = self._absence
        try:
            heard = await memory.heard(await self._sources.known(), since=absence.since)
        except Unanswered as failure:
            if isinstance(failure, Refused):
                self._absence = None
            return str(failure)
        # A device that sent after the absence has a recorded uplink, which shows nothing about those before.
        before = {dev_eui: at for dev_eui, at in heard.items() if at < absence.until}
        recorded = await self._sources.recorded(before, absence.since) if absence.since else ()
        for dev_eui in heard.keys() - set(recorded):
            self._want(dev_eui, Wanted(since=absence.since, heard_at=heard[dev_eui]))
        if self._absence is absence:  # and no other one began meanwhile
            self._absence = None
        return None

    async def _fetch(self, memory: Memory, healed: Healed, why: dict[DevEui, str]) -> bool:
        """Heal the devices in front. Returns whether all of them are healed; `why` has the reason for each that is not."""
        wanted = dict(islice(self._waiting.items(), STREAMS))
        failed = await heal(memory, wanted, intake=self._intake, healed=healed)
        for dev_eui, one in wanted.items():
            if self._waiting[dev_eui] is one:  # and not wanted anew meanwhile
                del self._waiting[dev_eui]
                if again := _again(one, failed.get(dev_eui)):
                    self._waiting[dev_eui] = again  # behind all others
            why.pop(dev_eui, None)
        why |= {dev_eui: str(failure) for dev_eui, failure in failed.items()}
        return not failed


async def heal(
    memory: Memory, wanted: Mapping[DevEui, Wanted], *, intake: Intake, healed: Healed
) -> dict[DevEui, Unanswered]:
    """Fetch and record the stored events of these devices, all at a time. Returns why devices could not be healed."""

    def count(committed: Committed) -> None:
        healed.uplinks += len(committed.recorded)
        healed.repeated += committed.duplicates
        intake.report(committed)

    failed: dict[DevEui, Unanswered] = {}

    async def one(dev_eui: DevEui, wish: Wanted) -> list[Message]:
        try:
            return await memory.events(dev_eui, since=wish.since, heard_at=wish.heard_at)
        except Unanswered as failure:
            failed[dev_eui] = failure
            return []

    fetched = await asyncio.gather(*(one(dev_eui, wish) for dev_eui, wish in wanted.items()))
    if messages := [message for part in fetched for message in part]:
        new, others = await _without_recorded_events(messages, intake)
        if new:
            await msgspec.structs.replace(intake, report=count).commit(new)
        healed.others += others
    healed.devices += len(wanted) - len(failed)
    return failed


async def _without_recorded_events(messages: Sequence[Message], intake: Intake) -> tuple[list[Message], int]:
    """Leave out the device events that are recorded. Uplinks stay, because their ids recognise them.

    MQTT carried a device event in other bytes, by which the table would take it for another one. Returns also the number of
    device events that stay.
    """
    identities: dict[int, Identity] = {}
    for place, message in enumerate(messages):
        if not message.topic.endswith("/event/up"):
            parsed = chirpstack.parse(message.topic, message.payload, received_at=intake.clock(), limits=intake.limits)
            if isinstance(parsed, DeviceEvent):
                identities[place] = device_events.identity_of(parsed)
    if not identities:
        return list(messages), 0

    async def look_up() -> set[Identity]:
        async with intake.database.connect() as connection:
            (found,) = await connection.commit_together(device_events.recorded(set(identities.values())))
            return found

    recorded = await intake.patience(look_up, purpose="looking for recorded events")
    stay = [message for place, message in enumerate(messages) if identities.get(place) not in recorded]
    return stay, len(identities) - (len(messages) - len(stay))


def _again(one: Wanted, failure: Unanswered | None) -> Wanted | None:
    """How the device is wanted again after an attempt."""
    if failure is None or isinstance(failure, Refused):
        return None
    if not isinstance(failure, Silent):
        return one
    tried = msgspec.structs.replace(one, silent_attempts=one.silent_attempts + 1)
    return tried if tried.silent_attempts < _SILENT_ATTEMPTS else None


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)
