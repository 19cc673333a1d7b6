"""The targets of fuzzing: how bytes become an input, which laws the result must obey, and the seeds."""

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from decoders import Frame, Undecodable, conformance
from decoders.conformance import Decode
from parking_gateway.chirpstack import Limits, parse
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.core.events import DeviceEvent, Rejection, UnknownEvent, Uplink
from parking_gateway.decoding import codecs

TESTS: Final = Path(__file__).parents[1] / "tests"
LONGEST_PAYLOAD: Final = 64
LONGEST_EVENT: Final = 4096

_NOW: Final = datetime(2026, 11, 23, 18, tzinfo=UTC)
_LIMITS: Final = Limits(payload_bytes=100_000, depth=8)
_REPLACES: Final = 0.1
"""The probability that an object or a list is replaced as a whole, instead of a value in it."""
_ODD_VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**32, 2**63, 2**64, 10**400),
    *("", "\0", "\ud800", "0" * 16, "G" * 16, "AA==", "A", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z"),
    *("+", "#", "a/b", "$SYS/x", "a\nb", "\x1b[2J", "\u2028", "\u202e", "0" * 15 + "/", "x" * 5000),
    *([], {}, [None], {"": None}, {"\0": "\0"}, [[[[[[[[[]]]]]]]]]),
)
_DEV_EUI: Final = re.compile(r"[0-9a-f]{16}")
_TOPICS: Final = (*sorted(EVENTS), "unknown")


class Broken(AssertionError):  # noqa: N818 - a law is broken
    """The result breaks a law."""


class FuzzTarget(NamedTuple):
    """One target of fuzzing."""

    try_out: Callable[[bytes], None]
    """Raises an exception if a law is broken."""
    seeds: Callable[[], Iterator[bytes]]
    described: Callable[[bytes], str]
    """The input as a person reads it."""
    longest: int
    """Bytes."""
    bent: Callable[[bytes, Random], bytes | None]
    """Changes the input where changes of single bytes rarely help; None if the target has no such change."""


# --- codecs: four bytes for the codec and its options, one byte for the port, and the payload


class Way(NamedTuple):
    """A codec with its options."""

    name: str
    options: Mapping[str, str]
    decode: Decode

    @property
    def key(self) -> bytes:
        """Return a key that does not depend on other codecs, so that the corpus stays useful."""
        return zlib.crc32(repr((self.name, sorted(self.options.items()))).encode()).to_bytes(4)


def try_a_codec(data: bytes) -> None:
    """Decode any bytes with any codec. The law: a possible reading, or a refusal with a message, and twice the same."""
    way, frame = _frame(data)
    outcome = conformance.outcome(way.decode, frame)
    if repr(outcome) != repr(conformance.outcome(way.decode, frame)):
        raise Broken("one frame has two different readings")
    if isinstance(outcome, Undecodable):
        if not str(outcome):
            raise Broken("a refusal without a message")
        return
    if complaints := list(conformance.impossible(outcome)):
        raise Broken("; ".join(complaints))


def frames() -> Iterator[bytes]:
    """Yield every vector, with all options of its codec."""
    ways = _ways()
    for codec in codecs.modules():
        for vector in _vectors(codec.name).vector:
            frame = vector.frame()
            for way in ways.values():
                if codecs.find(way.name).module == codec.name:
                    yield way.key + bytes([frame.port]) + frame.payload


def as_command(data: bytes) -> str:
    """Return the command that decodes the frame."""
    way, frame = _frame(data)
    options = "".join(f" --option {name}={value}" for name, value in way.options.items())
    return f"parking-gateway decode {way.name} --port {frame.port}{options} '{frame.payload.hex()}'"


def _frame(data: bytes) -> tuple[Way, Frame]:
    ways = _ways()
    key, port, payload = data[:4], data[4:5], data[5:]
    way = ways.get(key) or list(ways.values())[int.from_bytes(key) % len(ways)]
    return way, Frame(port=max(1, int.from_bytes(port)), payload=payload, received_at=conformance.NOON)


@cache
def _ways() -> Mapping[bytes, Way]:
    """Return every codec and line, with all options of its vectors."""
    chosen: list[tuple[str, Mapping[str, str]]] = []
    for codec in codecs.modules():
        vectors = _vectors(codec.name)
        chosen += [(line, {}) for line in codec.device.lines]
        chosen += [(vector.line or codec.name, vectors.options_of(vector)) for vector in vectors.vector]
        if codec.device.measures_distance:
            chosen.append((codec.name, {"occupied_below_mm": "1500", "vacant_above_mm": "1800"}))
    ways = (Way(name, options, codecs.bind_assuming(codecs.find(name), options)) for name, options in chosen)
    return {way.key: way for way in ways}


@cache
def _vectors(name: str) -> conformance.Vectors:
    return conformance.load(TESTS / "decoders" / f"{name}.toml")


# --- events: one byte for the name of the event, and the payload


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
    for file in sorted((TESTS / "recordings").glob("chirpstack-*.jsonl")):
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
    try:
        event = json.loads(data[1:])
    except (ValueError, RecursionError):
        return None
    place: Any = event
    while isinstance(place, dict | list) and place:
        within = list(place) if isinstance(place, dict) else range(len(place))
        key = random.choice(within)
        if not isinstance(place[key], dict | list) or random.random() < _REPLACES:
            place[key] = random.choice(_ODD_VALUES)
            return data[:1] + json.dumps(event).encode()
        place = place[key]
    return None


def _topic(data: bytes) -> str:
    return _TOPICS[int.from_bytes(data[:1]) % len(_TOPICS)]


TARGETS: Final[Mapping[str, FuzzTarget]] = {
    "codecs": FuzzTarget(try_a_codec, frames, as_command, LONGEST_PAYLOAD, lambda *_: None),
    "events": FuzzTarget(try_an_event, events, as_message, LONGEST_EVENT, bent_event),
}
