"""What is fuzzed: how bytes become a question, what must hold of the answer, and where the first bytes come from."""

import base64
import json
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
_STAYS: Final = 0.1
"""How often an object or a list is replaced, instead of something in it."""
_FORGOTTEN: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**32, 2**63, 2**64, 10**400),
    *("", "\0", "\ud800", "0" * 16, "G" * 16, "AA==", "A", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z"),
    *([], {}, [None], {"": None}, {"\0": "\0"}, [[[[[[[[[]]]]]]]]]),
)
_TOPICS: Final = (*sorted(EVENTS), "unheard-of")


class Broken(AssertionError):  # noqa: N818 - what a law then is
    """There was an answer, and it is one that must not be."""


class Target(NamedTuple):
    """One thing to be fuzzed."""

    try_out: Callable[[bytes], None]
    """Raises whatever is wrong."""
    seeds: Callable[[], Iterator[bytes]]
    told: Callable[[bytes], str]
    """The question that the bytes are, for a person."""
    longest: int
    """Bytes."""
    bent: Callable[[bytes, Random], bytes | None]
    """The same with something in it changed that single bytes hardly reach; None where there is no such thing."""


# --- codecs: four bytes for the way in which it is bound, one for the port, and the payload


class Way(NamedTuple):
    """A codec with its options chosen."""

    name: str
    options: Mapping[str, str]
    decode: Decode

    @property
    def key(self) -> bytes:
        """It stays the same when other codecs come and go, so that what was kept stays of use."""
        return zlib.crc32(repr((self.name, sorted(self.options.items()))).encode()).to_bytes(4)


def try_a_codec(data: bytes) -> None:
    """Give any bytes to any codec: a reading that can be, or a refusal that says why, and twice the same."""
    way, frame = _frame(data)
    answer = conformance.outcome(way.decode, frame)
    if repr(answer) != repr(conformance.outcome(way.decode, frame)):
        raise Broken("two answers for one frame")
    if isinstance(answer, Undecodable):
        if not str(answer):
            raise Broken("a refusal without a word")
        return
    if said := list(conformance.impossible(answer)):
        raise Broken("; ".join(said))


def frames() -> Iterator[bytes]:
    """Every vector in every way in which its codec can be bound."""
    ways = _ways()
    for codec in codecs.modules():
        for vector in _vectors(codec.name).vector:
            frame = vector.frame()
            for way in ways.values():
                if codecs.find(way.name).module == codec.name:
                    yield way.key + bytes([frame.port]) + frame.payload


def told_as_a_command(data: bytes) -> str:
    """What a person would type."""
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
    """Every codec and line by its name, and with all options that a vector has."""
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


# --- events: one byte for the event's name, and the payload


def try_an_event(data: bytes) -> None:
    """Give any bytes to the parser, for any event: one of its four answers, which PostgreSQL can store."""
    outcome = parse(_topic(data), data[1:], received_at=_NOW, limits=_LIMITS)
    if not isinstance(outcome, Uplink | DeviceEvent | UnknownEvent | Rejection):
        raise Broken(f"the answer is {outcome!r}")
    if "\\u0000" in msgspec.json.encode(outcome).decode().replace("\\\\", ""):
        raise Broken("a NUL came through")


def events() -> Iterator[bytes]:
    """What ChirpStack published, in either form, and not the same again and again."""
    for file in sorted((TESTS / "recordings").glob("*.jsonl")):
        seen = set()
        for line in map(json.loads, file.read_text().splitlines()):
            event = line["topic"].rpartition("/")[2]
            if event in EVENTS and (line["scene"], event) not in seen:
                seen.add((line["scene"], event))
                yield bytes([_TOPICS.index(event)]) + base64.b64decode(line["payload"])


def told_as_an_event(data: bytes) -> str:
    """The message as the gateway would be given it."""
    return f"topic …/event/{_topic(data)}, payload {data[1:]!r}"


def bent_event(data: bytes, random: Random) -> bytes | None:
    """An event in JSON with one value, wherever in it, replaced by one that somebody may have forgotten."""
    try:
        event = json.loads(data[1:])
    except (ValueError, RecursionError):
        return None
    place: Any = event
    while isinstance(place, dict | list) and place:
        within = list(place) if isinstance(place, dict) else range(len(place))
        key = random.choice(within)
        if not isinstance(place[key], dict | list) or random.random() < _STAYS:
            place[key] = random.choice(_FORGOTTEN)
            return data[:1] + json.dumps(event).encode()
        place = place[key]
    return None


def _topic(data: bytes) -> str:
    return _TOPICS[int.from_bytes(data[:1]) % len(_TOPICS)]


TARGETS: Final[Mapping[str, Target]] = {
    "codecs": Target(try_a_codec, frames, told_as_a_command, LONGEST_PAYLOAD, lambda *_: None),
    "events": Target(try_an_event, events, told_as_an_event, LONGEST_EVENT, bent_event),
}
