"""What a batch of messages becomes, in one transaction: this file is the way of an uplink through the gateway.

Interpret (pure), keep what is new and lock the spaces concerned, let the state machine speak (pure), save and commit.
Whoever calls acknowledges only then.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import msgspec

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.clocks import is_held_back
from parking_gateway.core.device import DeviceReading, Snapshot, news
from parking_gateway.core.events import DevEui, DeviceEvent, Rejection, UnknownEvent, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Observation, Space, SpaceId, Transition, last_seen, observe
from parking_gateway.decoding.decoder import Decoder, battery_report, observation, silence
from parking_gateway.store import device_events, devices, past_readings, rejections, spaces, transitions, uplinks
from parking_gateway.store.database import Connection
from parking_gateway.store.device_events import EventMessage
from parking_gateway.store.query import Query, waits
from parking_gateway.store.rejections import DeadLetter
from parking_gateway.store.spaces import Watched


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

    def batteries(self) -> list[DeviceEvent]:
        """The events that say how full a battery is."""
        return [message.event for message in self.events if message.event.battery_percent is not None]

    def concerned(self) -> set[DevEui]:
        """The devices whose spaces this batch may change."""
        found = {uplink.device.dev_eui for _, uplink in self.uplinks.values()}
        return found.union(event.device.dev_eui for event in self.batteries())


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says of a batch, while the spaces concerned are locked."""

    new: list[Uplink]
    """The uplinks that were not recorded before, in their order."""
    watched: Watched
    told: Mapping[DevEui, Snapshot]


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
    wrong_clocks: list[Uplink | DeviceEvent] = []
    """Recorded, and dated otherwise than they claim."""
    held_back: list[Uplink] = []
    """Recorded, and counted as older than what their spaces know although their counters are higher."""
    changed: list[SpaceId] = []
    """Spaces of which subscribers can see a difference."""
    dead_letters: list[DeadLetter] = []


def kinds_of(batch: Sequence[Message]) -> Counter[str]:
    """How many messages of each event, by the name that their topic gives it."""
    return Counter([message.topic.rpartition("/")[2] for message in batch])


def interpret(batch: Sequence[Message], *, received_at: datetime, limits: chirpstack.Limits) -> Interpreted:
    """Read every message of a batch. Pure, and never raises for what a message contains."""
    found = Interpreted(kinds=kinds_of(batch))
    for message in batch:
        if message.whole is None:
            parsed = chirpstack.parse(message.topic, message.payload, received_at=received_at, limits=limits)
        else:
            parsed = chirpstack.too_large(message.topic, message.whole.length, limits=limits)
        match parsed:
            case Uplink():
                said = message, parsed
                found.repeated += found.uplinks.setdefault(parsed.deduplication_id, said) is not said
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
    connection: Connection, found: Interpreted, *, decoder: Decoder, now: datetime, announce_every: timedelta
) -> Outcome:
    """Make the batch part of the database and commit: all of it or, if anything fails, nothing.

    Two round trips, and one more where an uplink's device watches no space.
    """
    outcome, writes = await tell(connection, found, decoder=decoder, now=now, announce_every=announce_every)
    if outcome.duplicates or found.events or outcome.dead_letters:
        # These may be recorded already, and by a commit that nobody confirmed. This one has to wait in its place.
        writes.append(waits())
    await connection.commit_together(*writes)
    return outcome


async def tell(
    connection: Connection, found: Interpreted, *, decoder: Decoder, now: datetime, announce_every: timedelta
) -> tuple[Outcome, list[Query[None]]]:
    """Keep the uplinks, and tell the new ones to their spaces, which stay locked: what happened, and what is to be written."""
    recorded: list[Uplink] = []
    watched = Watched()
    if concerned := found.concerned():
        recorded, watched = await connection.together(
            uplinks.record([uplink for _, uplink in found.uplinks.values()]),
            spaces.lock_watched_by(concerned),
        )
    told = await told_of_all(connection, {uplink.device.dev_eui for uplink in recorded}, watched)
    known = Known(new=recorded, watched=watched, told=told)
    return decide(found, known, decoder=decoder, now=now, announce_every=announce_every)


async def told_of_all(
    connection: Connection, devices_heard: AbstractSet[DevEui], watched: Watched
) -> Mapping[DevEui, Snapshot]:
    """What was last told of these devices. For those that watch nothing it stands elsewhere and is asked for."""
    strangers = devices_heard - watched.installations.keys()
    if not strangers:
        return watched.snapshots
    (of_strangers,) = await connection.together(devices.snapshots(strangers))
    return watched.snapshots | of_strangers


def decide(
    found: Interpreted, known: Known, *, decoder: Decoder, now: datetime, announce_every: timedelta
) -> tuple[Outcome, list[Query[None]]]:
    """What happens when the new uplinks are told to the locked spaces, and what is to be written. Pure."""
    watched = known.watched
    outcome = Outcome(kinds=found.kinds, dead_letters=list(found.dead_letters), recorded=known.new)
    fold = _Fold(
        messages=found.uplinks,
        installations=watched.installations,
        spaces=dict(watched.spaces),
        decoder=decoder,
        outcome=outcome,
    )
    heard = [fold.uplink(uplink) for uplink in known.new]
    outcome.wrong_clocks += [uplink for uplink in known.new if uplink.wrong_clock is not None]
    for event in found.batteries():
        fold.battery(event)
    outcome.changed = [space for space, one in watched.spaces.items() if fold.spaces[space].version != one.version]
    writes: list[Query[None]] = []
    writes += spaces.save(watched, fold.spaces, now=now)
    writes += _of_devices(heard, known.told, announce_every=announce_every)
    if outcome.held_back:
        writes += devices.mark_clock({uplink.device.dev_eui for uplink in outcome.held_back})
    outcome.duplicates = found.repeated + len(found.uplinks) - len(known.new)
    if outcome.transitions:
        writes.append(transitions.append(outcome.transitions))
    if found.events:
        outcome.wrong_clocks += [one.event for one in found.events if one.event.wrong_clock is not None]
        writes += device_events.record(found.events)
    if outcome.dead_letters:
        writes.append(rejections.record(outcome.dead_letters))
    return outcome, writes


def _of_devices(
    heard: Sequence[DeviceReading], told: Mapping[DevEui, Snapshot], *, announce_every: timedelta
) -> Iterator[Query[None]]:
    """What is to be written of the devices themselves."""
    worth, now_told = news(heard, told, every=announce_every)
    if worth:
        yield from devices.update(worth, now_told)
    if past := [(one.uplink, one.reading.past) for one in heard if one.reading.past]:
        yield past_readings.record(past)


class _Fold(msgspec.Struct, kw_only=True):
    """The locked spaces of a batch while its uplinks are told to them, one after the other. Pure."""

    messages: Mapping[UUID, tuple[Message, Uplink]]
    """Those of the uplinks, for what has to be kept as a dead letter."""
    installations: dict[DevEui, list[Installation]]
    spaces: dict[SpaceId, Space]
    decoder: Decoder
    outcome: Outcome

    def uplink(self, uplink: Uplink) -> DeviceReading:
        """Tell every space that the device watches, and return what the device said of itself."""
        watched = self.installations.get(uplink.device.dev_eui)
        if not watched:
            self.outcome.unassigned += 1
            return DeviceReading(uplink=uplink)
        heard = [self._installed(uplink, installation) for installation in watched]
        if None in [one.codec for one in heard]:
            self.outcome.without_codec += 1
        return heard[-1]

    def _installed(self, uplink: Uplink, installation: Installation) -> DeviceReading:
        choice = self.decoder.choice(uplink.device, installation)
        if choice is None or uplink.f_port == 0:
            self._tell(installation.space, uplink, silence(uplink))
            return DeviceReading(uplink=uplink, codec=choice.codec if choice else None)
        reading = self.decoder.read(uplink, choice)
        if isinstance(reading, Rejection):
            message, _ = self.messages[uplink.deduplication_id]
            self.outcome.dead_letters.append(dead_letter(message, reading, uplink.received_at, uplink=uplink))
            # Nobody knows what it says, but it is there.
            self._tell(installation.space, uplink, silence(uplink))
            return DeviceReading(uplink=uplink, codec=choice.codec)
        self._tell(installation.space, uplink, observation(uplink, reading))
        return DeviceReading(uplink=uplink, codec=choice.codec, reading=reading)

    def battery(self, event: DeviceEvent) -> None:
        """Tell the spaces that a device watches what the network server knows of its battery."""
        for installation in self.installations.get(event.device.dev_eui, ()):
            self._tell(installation.space, None, battery_report(event))

    def _tell(self, space: SpaceId, uplink: Uplink | None, seen: Observation) -> None:
        before = self.spaces[space]
        after, steps = observe(before, seen)
        self.spaces[space] = after
        self.outcome.transitions += steps
        if after.seen_at is before.seen_at and seen.occupancy is not None and uplink is not None:
            last = last_seen(before)
            if last is not None and is_held_back(seen, last):
                self.outcome.held_back.append(uplink)


def dead_letter(
    message: Message, rejection: Rejection, received_at: datetime, *, uplink: Uplink | None = None
) -> DeadLetter:
    """The message with why it is rejected and, if it could be read that far, whose it was."""
    return DeadLetter(
        rejection=rejection,
        topic=message.topic,
        payload=message.payload,
        received_at=received_at,
        is_redelivered=message.is_redelivered,
        digest=message.whole.digest if message.whole else None,
        dev_eui=uplink.device.dev_eui if uplink else None,
        deduplication_id=uplink.deduplication_id if uplink else None,
    )
