"""From messages to a batch: which uplinks, device events and rejections they are. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.events import (
    DeadLetter,
    DevEui,
    DeviceEvent,
    EventMessage,
    Rejection,
    UnknownEvent,
    Uplink,
)


class Batch(msgspec.Struct, kw_only=True):
    """Messages by what they are. They are recorded and acknowledged together."""

    received_at: datetime
    messages: dict[UUID, tuple[Message, Uplink]] = {}
    """The uplinks by deduplication id, each once, with their messages."""
    repeated: int = 0
    """Uplinks that the batch holds a second time."""
    may_repeat: bool = True
    """Whether uplinks may be recorded already. False: they were just received, for the first time as far as the broker knows."""
    events: list[EventMessage] = []
    dead_letters: list[DeadLetter] = []
    received: Counter[str] = msgspec.field(default_factory=Counter)
    """Messages, by the name of the event that their topics give them."""

    @property
    def uplinks(self) -> list[Uplink]:
        """In the order in which they came."""
        return [uplink for _, uplink in self.messages.values()]

    @property
    def batteries(self) -> list[DeviceEvent]:
        """The device events with a battery level."""
        return [message.event for message in self.events if message.event.battery_percent is not None]

    @property
    def devices(self) -> set[DevEui]:
        """The devices whose spaces the batch can change."""
        found = {uplink.device.dev_eui for _, uplink in self.messages.values()}
        return found.union(event.device.dev_eui for event in self.batteries) if self.events else found


def read(messages: Sequence[Message], *, received_at: datetime, limits: chirpstack.Limits) -> Batch:
    """Read every message. Content never raises: what cannot be read becomes a dead letter with the reason.

    `received_at` is for messages that were received just now.
    """
    batch = Batch(received_at=received_at, received=received(messages))
    for message in messages:
        came_at = message.received_at or received_at
        if message.whole is None:
            parsed = chirpstack.parse(message.topic, message.payload, received_at=came_at, limits=limits)
        else:
            parsed = chirpstack.too_large(message.topic, message.whole.length, limits=limits)
        match parsed:
            case Uplink():
                pair = message, parsed
                batch.repeated += batch.messages.setdefault(parsed.deduplication_id, pair) is not pair
            case DeviceEvent():
                batch.events.append(EventMessage(event=parsed, topic=message.topic, payload=message.payload))
            case Rejection():
                batch.dead_letters.append(dead_letter(message, parsed, received_at))
            case UnknownEvent():
                pass
            case _:
                assert_never(parsed)
    return batch


def received(messages: Sequence[Message]) -> Counter[str]:
    """How many messages there are of each event, by the name that their topics give it."""
    return Counter([message.topic.rpartition("/")[2] for message in messages])


def dead_letter(
    message: Message, rejection: Rejection, received_at: datetime, *, uplink: Uplink | None = None
) -> DeadLetter:
    """The message with the reason for its rejection and, if it could be read so far, its device."""
    return DeadLetter(
        rejection=rejection,
        topic=message.topic,
        payload=message.payload,
        received_at=message.received_at or received_at,
        is_redelivered=message.is_redelivered,
        digest=message.whole.digest if message.whole else None,
        dev_eui=uplink.device.dev_eui if uplink else None,
        deduplication_id=uplink.deduplication_id if uplink else None,
    )
