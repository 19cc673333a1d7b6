"""Checks a codec against its vectors: for our own codecs and for third-party ones.

Vectors are a TOML file of frames and their readings, written from the device's data sheet. `complaints` returns one
sentence for each mistake of a codec; an empty list is a pass. This module needs no test framework and no part of the
gateway.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import msgspec

from decoders import Command, Device, Frame, Measured, Occupancy, Reading, Undecodable, _probing, readings

Decode = Callable[[Frame], Reading]

Bind = Callable[[str | None, Mapping[str, str]], Decode]
"""A function from a firmware line's name (None: the module's own) and options to the codec as a function of the frame."""

_NO_COMMANDS: Final[Mapping[str, Command]] = {}
_NO_MEASURES: Final[Mapping[str, Measured]] = {}
_OF_NO_DEVICE: Final = Device(vendor="", model="", ports=())
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame and its expected reading."""

    name: str
    source: str
    """Where the layout or the frame is published."""
    port: int
    payload: str
    """Hexadecimal; blanks are ignored."""
    received_at: datetime = NOON
    line: str | None = None
    """The name of the firmware line that the frame belongs to."""
    options: dict[str, str] | None = None
    """The options of the installation. None: those at the top of the file."""
    reading: dict[str, Any] | None = None
    """The fields of the reading that are not None. Or:"""
    undecodable: bool = False
    short_ok: tuple[int, ...] = ()
    """Lengths at which a beginning of this payload is a good frame too."""

    def frame(self, length: int | None = None) -> Frame:
        """Return the frame, or its first `length` bytes."""
        return Frame(port=self.port, payload=bytes.fromhex(self.payload)[:length], received_at=self.received_at)


class CommandVector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command and its downlink."""

    name: str
    source: str
    """Where the downlink is published."""
    options: dict[str, Any] = {}
    port: int
    payload: str
    """Hexadecimal; blanks are ignored."""


class Vectors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All vectors of one codec."""

    options: dict[str, str] = {}
    """The options of every vector that has none of its own."""
    silent: str | None = None
    """Why no frame of this device ever contains an occupancy."""
    vector: tuple[Vector, ...]
    command: tuple[CommandVector, ...] = ()

    def options_of(self, vector: Vector) -> Mapping[str, str]:
        """Return the options with which a vector is decoded."""
        return self.options if vector.options is None else vector.options


def load(file: Path) -> Vectors:
    """Read a file of vectors. Raises `msgspec.ValidationError` if it does not follow the form."""
    return msgspec.toml.decode(file.read_bytes(), type=Vectors)


def complaints(
    vectors: Vectors,
    bind: Bind,
    commands: Mapping[str, Command] = _NO_COMMANDS,
    *,
    device: Device = _OF_NO_DEVICE,
) -> list[str]:
    """Return a sentence for each mistake of a codec, and for each case that its vectors leave untested.

    Each vector is also decoded cut short, with bytes changed, on other ports, and with each value that is no measurement by
    the declaration of the `device`, which is the `DEVICE` of the codec. An exception other than `Undecodable` is not caught,
    so its traceback is seen.
    """
    shown = frozenset(name for vector in vectors.vector for name in _fields(vector.reading or {}))
    if mistakes := list(_probing.wrong_declarations(device, shown)):
        return mistakes
    found = list(_untested(vectors))
    for vector in vectors.vector:
        decode = bind(vector.line, vectors.options_of(vector))
        found += (f"{vector.name}: {complaint}" for complaint in _wrong(vector, decode, device))
        decide = bind(vector.line, {**vectors.options_of(vector), **_probing.thresholds(device)})
        tried = _probing.complaints(vector.frame(), partial(outcome, decide), device)
        found += (f"{vector.name}: {complaint}" for complaint in tried)
    tested = {vector.name for vector in vectors.command}
    found += (f"no vector shows the command {name}" for name in commands.keys() - tested)
    found += (f"{name} is no command of the codec" for name in tested - commands.keys())
    found += (complaint for vector in vectors.command for complaint in _wrong_command(vector, commands))
    return found


def outcome(decode: Decode, frame: Frame) -> Reading | Undecodable:
    """Decode a frame and return the reading, or the refusal as a value. Any other exception is not caught."""
    try:
        return decode(frame)
    except Undecodable as refusal:
        return refusal


def impossible(reading: Reading, measures: Mapping[str, Measured] = _NO_MEASURES) -> Iterator[str]:
    """Yield a sentence for each field that no reading may have, whatever the frame. `measures` are those of the device."""
    try:
        readings.checked(reading)
    except readings.WrongReading as wrong:
        yield str(wrong)
        return
    # A codec has to keep within these limits. How hot a sensor can become is not its business.
    for name, complaint in _COMPLAINTS.items():
        number = getattr(reading, name)
        if number is not None and not readings.is_possible(name, number):
            yield complaint.format(number)
    if reading.tamper and reading.distance_mm is not None:
        yield f"the sensor was moved, so {reading.distance_mm} mm is no distance"
    for name, measured in measures.items():
        number = getattr(reading, name)
        if number is not None and (not measured.lowest <= number <= measured.highest or number in measured.errors):
            yield f"{name} is {number}, which is no measurement of the device"
    for one in (reading.channels or {}).values():
        yield from impossible(one, measures)
    for past in reading.past:
        if past.at is None:
            yield "a reading in past has no time"
        yield from impossible(past, measures)


_COMPLAINTS: Final = {
    "battery_percent": "the battery has {} percent",
    "confidence": "the confidence is {}",
    "distance_mm": "{} mm is no distance",
}


def _wrong_command(vector: CommandVector, commands: Mapping[str, Command]) -> Iterator[str]:
    if vector.name not in commands:
        return
    port, payload = commands[vector.name](**vector.options)
    if (port, payload) != (vector.port, bytes.fromhex(vector.payload)):
        yield f"{vector.name}: expected {vector.payload} on port {vector.port}, got {payload.hex()} on port {port}"


def _untested(vectors: Vectors) -> Iterator[str]:
    tested = {str(one) for vector in vectors.vector for one in _occupancies(vector.reading or {})}
    if vectors.silent is None:
        yield from (f"no vector is {occupancy}" for occupancy in Occupancy if occupancy not in tested)
    elif tested != {"None"}:
        yield "the vectors are marked as silent, but one has an occupancy"
    if not any(vector.undecodable for vector in vectors.vector):
        yield "no vector is undecodable"


def _occupancies(reading: Mapping[str, Any]) -> Iterator[str | None]:
    """Of the frame as a whole, and of each channel."""
    yield reading.get("occupancy")
    yield from (one.get("occupancy") for one in reading.get("channels", {}).values())


def _fields(reading: Mapping[str, Any]) -> Iterator[str]:
    """Of the frame as a whole, of each channel, and of the past."""
    yield from reading
    for one in (*reading.get("channels", {}).values(), *reading.get("past", ())):
        yield from _fields(one)


def _wrong(vector: Vector, decode: Decode, device: Device) -> Iterator[str]:
    got = outcome(decode, vector.frame())
    if repr(got) != repr(outcome(decode, vector.frame())):
        yield "one frame has two different readings"
    if vector.undecodable:
        if vector.reading is not None:
            yield "the vector has both `undecodable` and a reading"
        if isinstance(got, Reading):
            yield f"expected a refusal, got {got}"
        return
    expected = vector.reading or {}
    yield from (f"a reading has no field {name}" for name in expected.keys() - set(Reading.__struct_fields__))
    if got != msgspec.convert(expected, Reading, str_keys=True):
        yield f"expected {expected}, got {got!r}"
    for length in range(len(vector.frame().payload)):
        short = outcome(decode, vector.frame(length))
        if isinstance(short, Reading) and length not in vector.short_ok:
            yield f"cut to {length} bytes, it is not refused"
        if isinstance(short, Undecodable) and length in vector.short_ok:
            yield f"cut to {length} bytes, it is refused: {short}"
    for frame in _bent(vector):
        bent = outcome(decode, frame)
        if isinstance(bent, Reading):
            yield from (
                f"{what}, from {frame.payload.hex()} on port {frame.port}" for what in impossible(bent, device.measures)
            )


def _bent(vector: Vector) -> Iterator[Frame]:
    """Yield the frame with each byte changed in turn, with a byte added, and on other ports."""
    frame = vector.frame()
    payload = frame.payload
    for at, byte in product(range(len(payload)), (0x00, 0x01, 0x7F, 0x80, 0xFF)):
        yield msgspec.structs.replace(frame, payload=payload[:at] + bytes([byte]) + payload[at + 1 :])
    yield msgspec.structs.replace(frame, payload=payload + b"\xff")
    for port in {1, 2, 3, 85, 255} - {frame.port}:
        yield msgspec.structs.replace(frame, port=port)
