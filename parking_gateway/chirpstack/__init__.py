"""Parses the messages that ChirpStack v4 publishes, into the values of `parking_gateway.core.events`.

The last level of the topic is the name of the event. The first bytes decide between JSON and protobuf, because ChirpStack
has one setting for its whole integration and the topic does not contain it. No content of a message raises an exception: a
message that cannot be used becomes a `Rejection`.

Read in this order: `up` and `events` (the fields), `json_events`, `protobuf_events`; then `optional_fields` and `receivers`, for
wrong values and wrong clocks.
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
    """Limits of a message."""

    payload_bytes: int
    depth: int
    """Levels of objects and lists within an uplink's `object`, itself included. An object with more is dropped. No other field
    that is kept is nested."""
    reach: timedelta = clocks.reach(timedelta(days=7))
    """How old a message may be. An older one comes from a wrong clock."""


def parse(
    topic: str, payload: bytes, *, received_at: datetime, limits: Limits
) -> Uplink | DeviceEvent | UnknownEvent | Rejection:
    """Parse one message, JSON or protobuf. `received_at` is aware, in UTC. Never raises, for any topic and any bytes."""
    name = topic.rpartition("/")[2]
    if name not in EVENTS:
        return UnknownEvent(name=name)
    if len(payload) > limits.payload_bytes:
        return too_large(topic, len(payload), limits=limits)
    if not payload:  # an empty payload clears a retained topic
        return UnknownEvent(name=name)
    # A protobuf event often begins with 0x0A, which is a line feed in JSON. The next byte is the length of a UUID or of a
    # timestamp, and never "{".
    start = payload.lstrip(_JSON_SPACE)
    if not start:
        return Rejection(reason=Reason.MALFORMED, detail="The payload is empty.")
    read = json_events.read if start.startswith(b"{") else protobuf_events.read
    event = read(name, payload, received_at, limits.reach)
    if isinstance(event, Uplink) and event.object is not None and _is_deeper(event.object, limits.depth):
        return msgspec.structs.replace(event, object=None)
    return event


def too_large(topic: str, length: int, *, limits: Limits) -> UnknownEvent | Rejection:
    """Return the outcome of a message whose payload is too long. `length` is in bytes."""
    name = topic.rpartition("/")[2]
    if name not in EVENTS:
        return UnknownEvent(name=name)
    detail = f"The payload has {length} bytes, at most {limits.payload_bytes} are allowed."
    return Rejection(reason=Reason.TOO_LARGE, detail=detail)


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether a JSON value has more than `depth` levels. A loop over levels, because recursion would need stack."""
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
