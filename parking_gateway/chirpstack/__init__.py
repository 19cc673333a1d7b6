"""What ChirpStack v4 publishes, from bytes to the values of `parking_gateway.core.events`.

The last level of the topic names the event; whether it is JSON or protobuf is seen from the bytes themselves, because
ChirpStack switches its whole integration with one setting and nothing in the topic says which. Nothing here raises for
what a message contains: a message that cannot be used is a `Rejection`.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from parking_gateway.chirpstack import json_events, protobuf_events
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.core import clocks
from parking_gateway.core.events import DeviceEvent, Reason, Rejection, UnknownEvent, Uplink

__all__ = ["Limits", "parse", "too_large"]

_JSON_SPACE = b" \t\r\n"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a message may cost us."""

    payload_bytes: int
    depth: int
    """Levels of objects and lists within an uplink's `object`, itself included: all the rest that is kept is flat. An object
    with more is dropped."""
    reach: timedelta = clocks.reach(timedelta(days=7))
    """How old it may be. What claims to be older has a wrong clock."""


def parse(
    topic: str, payload: bytes, *, received_at: datetime, limits: Limits
) -> Uplink | DeviceEvent | UnknownEvent | Rejection:
    """Read one message, JSON or protobuf. `received_at` is aware, in UTC. Never raises for any topic and any bytes."""
    name = topic.rpartition("/")[2]
    if name not in EVENTS:
        return UnknownEvent(name=name)
    if len(payload) > limits.payload_bytes:
        return too_large(topic, len(payload), limits=limits)
    if not payload:  # nothing is said: this is how a retained message is taken away
        return UnknownEvent(name=name)
    # A protobuf event often begins with 0x0A, which is a line feed to JSON, but then comes the length of a UUID or of a
    # timestamp, and never "{".
    start = payload.lstrip(_JSON_SPACE)
    if not start:
        return Rejection(reason=Reason.MALFORMED, detail="The payload is empty.")
    read = json_events.read if start.startswith(b"{") else protobuf_events.read
    said = read(name, payload, received_at, limits.reach)
    if isinstance(said, Uplink) and said.object is not None and _is_deeper(said.object, limits.depth):
        return msgspec.structs.replace(said, object=None)
    return said


def too_large(topic: str, length: int, *, limits: Limits) -> UnknownEvent | Rejection:
    """What a message is whose payload is too long, by its length in bytes."""
    name = topic.rpartition("/")[2]
    if name not in EVENTS:
        return UnknownEvent(name=name)
    detail = f"The payload has {length} bytes and {limits.payload_bytes} are allowed."
    return Rejection(reason=Reason.TOO_LARGE, detail=detail)


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether a JSON value has more than so many levels. Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(depth):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
