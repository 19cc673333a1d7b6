"""Frames for the codecs of one family, which are those of one vendor.

Four bytes of an input choose the codec and its options, one byte the port, and the others are the payload.
"""

import zlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from decoders import Device, Frame, Reading, Undecodable, conformance
from decoders.conformance import Decode
from fuzz.target import Broken, FuzzTarget
from parking_gateway.decoding import codecs

VECTORS: Final = Path(__file__).parents[1] / "tests" / "decoders"
LONGEST_PAYLOAD: Final = 64


class Way(NamedTuple):
    """A codec with its options."""

    name: str
    options: Mapping[str, str]
    device: Device
    decode: Decode

    @property
    def key(self) -> bytes:
        """Return a key that does not depend on other codecs, so that the corpus stays useful."""
        return zlib.crc32(repr((self.name, sorted(self.options.items()))).encode()).to_bytes(4)


def families() -> list[str]:
    """Return the first words of the names of our codecs. A new codec belongs to one of them, or is one."""
    return sorted({name.partition("_")[0] for name in _modules()})


def target_of(family: str) -> FuzzTarget:
    """Return the target of a family's codecs."""
    return FuzzTarget(
        partial(_try_out, family), partial(_frames, family), partial(_as_command, family), 5 + LONGEST_PAYLOAD
    )


def obey(outcome: Reading | Undecodable, again: Reading | Undecodable, device: Device) -> None:
    """Raise `Broken` unless a frame has a possible reading, or a refusal with a message, and twice the same.

    With thresholds, a frame without a distance has no occupancy.
    """
    if repr(outcome) != repr(again):
        raise Broken("one frame has two different readings")
    if isinstance(outcome, Undecodable):
        if not str(outcome):
            raise Broken("a refusal without a message")
        return
    if complaints := list(conformance.impossible(outcome, device.measures)):
        raise Broken("; ".join(complaints))
    if device.measures_distance:
        for one in (outcome, *(outcome.channels or {}).values(), *outcome.past):
            if one.occupancy is not None and one.distance_mm is None:
                raise Broken("an occupancy without a distance")


def _try_out(family: str, data: bytes) -> None:
    way, frame = _frame(family, data)
    obey(conformance.outcome(way.decode, frame), conformance.outcome(way.decode, frame), way.device)


def _frames(family: str) -> Iterator[bytes]:
    """Yield every vector, with all options of its codec."""
    ways = _ways(family)
    for name in _of(family):
        for vector in _vectors(name).vector:
            frame = vector.frame()
            for way in ways.values():
                if codecs.find(way.name).module == name:
                    yield way.key + bytes([frame.port]) + frame.payload


def _as_command(family: str, data: bytes) -> str:
    """Return the command that decodes the frame."""
    way, frame = _frame(family, data)
    options = "".join(f" --option {name}={value}" for name, value in way.options.items())
    return f"parking-gateway decode {way.name} --port {frame.port}{options} '{frame.payload.hex()}'"


def _frame(family: str, data: bytes) -> tuple[Way, Frame]:
    ways = _ways(family)
    key, port, payload = data[:4], data[4:5], data[5:]
    way = ways.get(key) or list(ways.values())[int.from_bytes(key) % len(ways)]
    return way, Frame(port=max(1, int.from_bytes(port)), payload=payload, received_at=conformance.NOON)


@cache
def _ways(family: str) -> Mapping[bytes, Way]:
    """Return every codec and line, with all options of its vectors."""
    chosen: list[tuple[str, Mapping[str, str]]] = []
    for name in _of(family):
        vectors, device = _vectors(name), codecs.find(name).device
        chosen += [(line, {}) for line in device.lines]
        chosen += [(vector.line or name, vectors.options_of(vector)) for vector in vectors.vector]
        if device.measures_distance:
            chosen.append((name, {"occupied_below_mm": "1500", "vacant_above_mm": "1800"}))
    ways = (
        Way(name, options, codecs.find(name).device, codecs.bind_assuming(codecs.find(name), options))
        for name, options in chosen
    )
    return {way.key: way for way in ways}


def _of(family: str) -> list[str]:
    return [name for name in _modules() if name.partition("_")[0] == family]


@cache
def _modules() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in VECTORS.glob("*.toml")))


@cache
def _vectors(name: str) -> conformance.Vectors:
    return conformance.load(VECTORS / f"{name}.toml")
