"""Events of ChirpStack: one byte of an input chooses the name of the event, and the others are the payload."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from fuzz.bending import bent_json
from fuzz.target import Broken, FuzzTarget
from parking_gateway.chirpstack import Limits, parse
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.core.events import DeviceEvent, Rejection, UnknownEvent, Uplink

RECORDINGS: Final = Path(__file__).parents[1] / "tests" / "recordings"
LONGEST_EVENT: Final = 4096

_NOW: Final = datetime(2026, 11, 23, 18, tzinfo=UTC)
_LIMITS: Final = Limits(payload_bytes=100_000, depth=8)
_DEV_EUI: Final = re.compile(r"[0-9a-f]{16}")
_TOPICS: Final = (*sorted(EVENTS), "unknown")


def try_an_event(data: bytes) -> None:
    """Parse any bytes as any event.

    The law: one of the four outcomes, PostgreSQL can store it, and no device chooses a topic of ours.
    """
    outcome = parse(_topic(data), data[1:], received_at=_NOW, limits=_LIMITS)
    if not isinstance(outcome, Uplink | DeviceEvent | UnknownEvent | Rejection):
        raise Broken(f"the outcome is {outcome!r}")
    if "\\u0000" in msgspec.json.encode(outcome).decode().replace("\\\\", ""):
        raise Broken("the outcome contains a NUL")
    if isinstance(outcome, Uplink | DeviceEvent) and not _DEV_EUI.fullmatch(outcome.device.dev_eui):
        raise Broken("the DevEUI is more than a level of a topic")


def events() -> Iterator[bytes]:
    """Yield recorded messages of ChirpStack, in both forms, one for each scene and event."""
    for file in sorted(RECORDINGS.glob("chirpstack-*.jsonl")):
        seen = set()
        for line in map(json.loads, file.read_text().splitlines()):
            event = line["topic"].rpartition("/")[2]
            if event in EVENTS and (line["scene"], event) not in seen:
                seen.add((line["scene"], event))
                yield bytes([_TOPICS.index(event)]) + base64.b64decode(line["payload"])


def as_message(data: bytes) -> str:
    """Return the message, as the gateway receives it."""
    return f"topic …/event/{_topic(data)}, payload {data[1:]!r}"


def bent_event(data: bytes, random: Random) -> bytes | None:
    """Replace one value of an event in JSON, at any place, by an odd one."""
    return bent_json(data[:1], data[1:], random)


def _topic(data: bytes) -> str:
    return _TOPICS[int.from_bytes(data[:1]) % len(_TOPICS)]


EVENT_MESSAGES: Final = FuzzTarget(try_an_event, events, as_message, LONGEST_EVENT, bent_event)
