"""Outgoing messages: what is published once, because it is not the last value of a row. Pure.

They are written in the transaction of their cause, and deleted once the broker has confirmed them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from parking_gateway.core.due import DueKind
from parking_gateway.core.notice import Notice
from parking_gateway.core.space import SpaceId


class Session(msgspec.Struct, frozen=True, kw_only=True, tag="session"):
    """A stay of a car that has ended."""

    space: SpaceId
    id: int
    """Of the stay's row."""
    arrived_at: datetime
    departed_at: datetime
    is_overstay: bool = False
    reservation: str | None = None
    corrects: int | None = None
    """The id of a published stay that was wrong, because an uplink came late."""
    is_withdrawn: bool = False
    """The stay that it corrects did not happen, and this one is only its copy."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag="reply"):
    """The answer to a request."""

    topic: str
    payload: bytes
    correlation_data: bytes | None = None
    expires_at: datetime | None = None
    """When nobody waits for it any more."""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """A message for ChirpStack: a downlink for its queue of a device."""

    topic: str
    """Outside of our root."""
    payload: bytes
    """In the form that ChirpStack is configured for."""
    expires_at: datetime


class Clearing(msgspec.Struct, frozen=True, kw_only=True, tag="clearing"):
    """The retained topic of a row that was removed or renamed: it is cleared."""

    kind: DueKind
    names: tuple[str, ...]
    """Those in the topic: site, zone and space, or fewer."""
    not_before: datetime | None = None


Outgoing = Notice | Session | Reply | Command | Clearing
"""One message. `space` is an id; the names that it has when the message is written are written with it."""


_A_WHILE: Final = timedelta(minutes=1)
"""After this time, no gateway publishes a row any more that it read before it was removed or renamed."""


def clearings(topics: Iterable[tuple[DueKind, tuple[str, ...]]], *, now: datetime) -> list[Outgoing]:
    """The messages that clear these topics: at once, and again, because a gateway may be about to publish such a row."""
    found = list(topics)
    return [
        *(Clearing(kind=kind, names=names) for kind, names in found),
        *(Clearing(kind=kind, names=names, not_before=now + _A_WHILE) for kind, names in found),
    ]


class DueOutgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A written message that the broker has not confirmed."""

    id: int
    """Grows with every message. A subscriber recognises by it what it receives twice."""
    site: str | None
    zone: str | None
    space: str | None
    message: Outgoing


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Outgoing).decode


def written(messages: Sequence[Outgoing]) -> str:
    """The messages as a list in JSON. Each of its elements is the body of a row."""
    return _encode(messages).decode()


def read(body: str) -> Outgoing:
    """The message of a row."""
    message: Outgoing = _decode(body)
    return message
