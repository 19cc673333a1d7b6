"""A message as the broker sent it, and the beginning of one that is too large."""

from datetime import datetime
from hashlib import md5
from uuid import UUID

import msgspec
from msgspec.structs import replace

from parking_gateway.contract.publication import NO_PROPERTIES, MessageProperties
from parking_gateway.core.events import KEPT_BYTES


class Whole(msgspec.Struct, frozen=True, gc=False):
    """Length and digest of a payload whose beginning alone is kept."""

    length: int
    """Bytes."""
    digest: UUID
    """Of topic and payload: the same as that of `store.rejections`."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message from the broker, not acknowledged yet."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    is_redelivered: bool
    whole: Whole | None = None
    """Set if the payload was too large, and `payload` is only its beginning."""
    properties: MessageProperties = NO_PROPERTIES
    """None are kept of a message whose payload was too large."""
    received_at: datetime | None = None
    """When the gateway received it, if it has waited in the journal since. None: just now."""
    is_retained: bool = False
    """Whether the broker retains it: it came because we subscribed, and will come again whenever we do."""


class Beginning:
    """The beginning of a payload that comes in pieces, and the length and digest of all of it."""

    def __init__(self, topic: str) -> None:
        self.kept = b""
        self._length = 0
        self._digest = md5(topic.encode() + b"\0", usedforsecurity=False)

    def add(self, piece: bytes) -> None:
        """The next piece."""
        self.kept += piece[: KEPT_BYTES - len(self.kept)]
        self._length += len(piece)
        self._digest.update(piece)

    def whole(self) -> Whole:
        """Length and digest of all pieces together."""
        return Whole(self._length, UUID(bytes=self._digest.digest()))


def retained(message: Message) -> Message:
    """The message as one that the broker retains."""
    return replace(message, is_retained=True)


def without_its_end(message: Message) -> Message:
    """The message with only the beginning of its payload, and without properties."""
    beginning = Beginning(message.topic)
    beginning.add(message.payload)
    return replace(message, payload=beginning.kept, whole=beginning.whole(), properties=NO_PROPERTIES)
