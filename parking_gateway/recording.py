"""What a batch of messages becomes, in one transaction: this file is the way of an uplink through the gateway.

Interpret (pure), keep what is new, lock the spaces concerned, let the state machine speak (pure), save. Whoever calls
commits, and acknowledges only then.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.decoding import Decoder, battery_report, observation, silence
from parking_gateway.installation import Installation
from parking_gateway.space import Observation, Space, SpaceId, Transition, observe
from parking_gateway.store import devices, past_readings, rejections, spaces, transitions, uplinks
from parking_gateway.store.devices import EventMessage, Heard
from parking_gateway.store.rejections import DeadLetter
from parking_gateway.uplink import DevEui, DeviceEvent, Rejection, UnknownEvent, Uplink


class Interpreted(msgspec.Struct, kw_only=True):
    """A batch by what its messages turned out to be."""

    uplinks: dict[UUID, tuple[Message, Uplink]] = {}
    """By deduplication id: one that stands in the batch twice is here once."""
    events: list[EventMessage] = []
    dead_letters: list[DeadLetter] = []
    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    """How many messages of each event, by the name that their topic gives it."""
    repeated: int = 0
    """Uplinks that stood in this batch before."""


class Outcome(msgspec.Struct, kw_only=True):
    """What became of a batch: the one value that logs and metrics are made of."""

    kinds: Counter[str]
    seconds: float = 0.0
    """From the first statement to the commit, waits for a database that was away included."""
    recorded: list[Uplink] = []
    duplicates: int = 0
    unassigned: int = 0
    """Recorded uplinks of devices without an installation."""
    without_codec: int = 0
    """Recorded uplinks of installed devices for which nobody chose a codec."""
    transitions: list[Transition] = []
    changed: list[SpaceId] = []
    """Spaces of which subscribers can see a difference."""
    dead_letters: list[DeadLetter] = []


def interpret(batch: Sequence[Message], *, received_at: datetime, limits: chirpstack.Limits) -> Interpreted:
    """Read every message of a batch. Pure, and never raises for what a message contains."""
    found = Interpreted()
    for message in batch:
        found.kinds[message.topic.rpartition("/")[2]] += 1
        parsed = chirpstack.parse(message.topic, message.payload, received_at=received_at, limits=limits)
        match parsed:
            case Uplink():
                found.repeated += parsed.deduplication_id in found.uplinks
                found.uplinks.setdefault(parsed.deduplication_id, (message, parsed))
            case DeviceEvent():
                found.events.append(EventMessage(event=parsed, topic=message.topic, payload=message.payload))
            case Rejection():
                found.dead_letters.append(dead_letter(message, parsed, received_at))
            case UnknownEvent():
                pass
            case _:
                assert_never(parsed)
    return found


async def record(
    connection: AsyncConnection, found: Interpreted, *, decoder: Decoder, now: datetime, announce_every: timedelta
) -> Outcome:
    """Make the batch part of the database: all of it or, if the transaction fails, nothing."""
    outcome = Outcome(kinds=found.kinds, dead_letters=list(found.dead_letters))
    fresh = await uplinks.record(connection, [uplink for _, uplink in found.uplinks.values()]) if found.uplinks else ()
    new = [found.uplinks[one] for one in found.uplinks if one in fresh]
    outcome.recorded = [uplink for _, uplink in new]
    outcome.duplicates = found.repeated + len(found.uplinks) - len(new)

    batteries = [message.event for message in found.events if message.event.battery_percent is not None]
    concerned = {uplink.device.dev_eui for uplink in outcome.recorded} | {event.device.dev_eui for event in batteries}
    if concerned:
        installations, before = await spaces.lock_watched_by(connection, concerned)
        fold = _Fold(installations=installations, spaces=dict(before), decoder=decoder, outcome=outcome)
        heard = [fold.uplink(message, uplink) for message, uplink in new]
        for event in batteries:
            fold.battery(event)
        await spaces.save(connection, before=before, after=fold.spaces, now=now)
        outcome.changed = [space for space, one in fold.spaces.items() if one.version != before[space].version]
        if heard:
            await devices.hear(connection, heard, announce_every=announce_every)
        if past := [(one.uplink, one.reading.past) for one in heard if one.reading.past]:
            await past_readings.record(connection, past)
    if outcome.transitions:
        await transitions.append(connection, outcome.transitions)
    if found.events:
        await devices.record_events(connection, found.events)
    if outcome.dead_letters:
        await rejections.record(connection, outcome.dead_letters)
    return outcome


class _Fold(msgspec.Struct, kw_only=True):
    """The locked spaces of a batch while its uplinks are told to them, one after the other. Pure."""

    installations: dict[DevEui, list[Installation]]
    spaces: dict[SpaceId, Space]
    decoder: Decoder
    outcome: Outcome

    def uplink(self, message: Message, uplink: Uplink) -> Heard:
        """Tell every space that the device watches, and return what the device said of itself."""
        watched = self.installations.get(uplink.device.dev_eui)
        if not watched:
            self.outcome.unassigned += 1
            return Heard(uplink=uplink)
        heard = Heard(uplink=uplink)
        for installation in watched:
            heard = self._installed(message, uplink, installation)
        return heard

    def _installed(self, message: Message, uplink: Uplink, installation: Installation) -> Heard:
        choice = self.decoder.choice(uplink.device, installation)
        if choice is None:
            self.outcome.without_codec += 1
        if choice is None or uplink.f_port == 0:
            self._tell(installation.space, silence(uplink))
            return Heard(uplink=uplink, codec=choice.codec if choice else None)
        reading = self.decoder.read(uplink, choice)
        if isinstance(reading, Rejection):
            self.outcome.dead_letters.append(dead_letter(message, reading, uplink.received_at, uplink=uplink))
            return Heard(uplink=uplink, codec=choice.codec)
        seen = observation(uplink, reading)
        self._tell(installation.space, seen)
        return Heard(
            uplink=uplink,
            codec=choice.codec,
            reading=reading,
        )

    def battery(self, event: DeviceEvent) -> None:
        """Tell the spaces that a device watches what the network server knows of its battery."""
        for installation in self.installations.get(event.device.dev_eui, ()):
            self._tell(installation.space, battery_report(event))

    def _tell(self, space: SpaceId, seen: Observation) -> None:
        self.spaces[space], steps = observe(self.spaces[space], seen)
        self.outcome.transitions += steps


def dead_letter(
    message: Message, rejection: Rejection, received_at: datetime, *, uplink: Uplink | None = None
) -> DeadLetter:
    """The message with why it became nothing and, where it could be read that far, whose it was."""
    return DeadLetter(
        rejection=rejection,
        topic=message.topic,
        payload=message.payload,
        received_at=received_at,
        is_redelivered=message.is_redelivered,
        dev_eui=uplink.device.dev_eui if uplink else None,
        deduplication_id=uplink.deduplication_id if uplink else None,
    )
