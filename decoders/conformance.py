"""What every codec must do, checked against its vectors: for the codecs of this project and for anybody's own.

Vectors are a TOML file of frames and answers, written from the device's data sheet. `complaints` says in sentences what
a codec does wrong; an empty list is a pass. Nothing here needs a test framework, and nothing of the gateway.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Final

import msgspec

from decoders import Frame, Occupancy, Reading, Undecodable, answers

Decode = Callable[[Frame], Reading]

Bind = Callable[[str | None, Mapping[str, str]], Decode]
"""Given a firmware line's name (None: the module's own) and options, returns the codec as a function of the frame."""

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame, and what must come of it."""

    name: str
    source: str
    """Where the layout or the frame is published."""
    port: int
    payload: str
    """Hexadecimal; blanks are ignored."""
    received_at: datetime = NOON
    line: str | None = None
    """The firmware line that it is for, by its name."""
    options: dict[str, str] | None = None
    """Of the installation. None: those at the top of the file."""
    reading: dict[str, Any] | None = None
    """The fields of the reading that are not None. Or:"""
    undecodable: bool = False
    short_ok: tuple[int, ...] = ()
    """Lengths at which a beginning of this payload is a good frame too."""

    def frame(self, length: int | None = None) -> Frame:
        """Return the frame, or its first `length` bytes."""
        return Frame(port=self.port, payload=bytes.fromhex(self.payload)[:length], received_at=self.received_at)


class Vectors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All vectors of one codec."""

    options: dict[str, str] = {}
    """Of every vector that has none of its own."""
    silent: str | None = None
    """Why no frame of this device ever tells an occupancy."""
    vector: tuple[Vector, ...]

    def options_of(self, vector: Vector) -> Mapping[str, str]:
        """Return the options under which a vector holds."""
        return self.options if vector.options is None else vector.options


def load(file: Path) -> Vectors:
    """Read a file of vectors. Raises `msgspec.ValidationError` where it does not follow the form."""
    return msgspec.toml.decode(file.read_bytes(), type=Vectors)


def complaints(vectors: Vectors, bind: Bind) -> list[str]:
    """Return a sentence for everything that a codec does wrong, and for what its vectors leave untested.

    Each vector is also tried cut short, with bytes changed and on other ports. What a codec raises beside `Undecodable`
    comes through, so that its traceback is seen.
    """
    found = list(_untested(vectors))
    for vector in vectors.vector:
        decode = bind(vector.line, vectors.options_of(vector))
        found += (f"{vector.name}: {complaint}" for complaint in _wrong(vector, decode))
    return found


def answer(decode: Decode, frame: Frame) -> Reading | Undecodable:
    """Return what a codec makes of a frame, its refusal as a value. Whatever else it raises comes through."""
    try:
        return decode(frame)
    except Undecodable as refusal:
        return refusal


def odd(reading: Reading) -> Iterator[str]:
    """Say what no reading may claim, whatever the frame."""
    try:
        answers.checked(reading)
    except answers.WrongAnswer as wrong:
        yield str(wrong)
        return
    # A codec knows these limits; how hot a sensor can become, it need not know.
    for name, complaint in _COMPLAINTS.items():
        number = getattr(reading, name)
        if number is not None and not answers.is_possible(name, number):
            yield complaint.format(number)
    for past in reading.past:
        if past.at is None:
            yield "a reading of the past has no time"
        yield from odd(past)


_COMPLAINTS: Final = {
    "battery_percent": "the battery has {} percent",
    "confidence": "the confidence is {}",
    "distance_mm": "{} mm is no distance",
}


def _untested(vectors: Vectors) -> Iterator[str]:
    told = {str((vector.reading or {}).get("occupancy")) for vector in vectors.vector}
    if vectors.silent is None:
        yield from (f"no vector is {occupancy}" for occupancy in Occupancy if occupancy not in told)
    elif told != {"None"}:
        yield "it is said never to tell an occupancy, and a vector tells one"
    if not any(vector.undecodable for vector in vectors.vector):
        yield "no vector is undecodable"


def _wrong(vector: Vector, decode: Decode) -> Iterator[str]:
    got = answer(decode, vector.frame())
    if repr(got) != repr(answer(decode, vector.frame())):
        yield "two answers for one frame"
    if vector.undecodable:
        if vector.reading is not None:
            yield "it is both undecodable and a reading"
        if isinstance(got, Reading):
            yield f"not refused but {got}"
        return
    expected = vector.reading or {}
    yield from (f"a reading has no {name}" for name in expected.keys() - set(Reading.__struct_fields__))
    if got != msgspec.convert(expected, Reading):
        yield f"expected {expected}, got {got!r}"
    for length in range(len(vector.frame().payload)):
        short = answer(decode, vector.frame(length))
        if isinstance(short, Reading) and length not in vector.short_ok:
            yield f"its first {length} bytes are not refused"
        if isinstance(short, Undecodable) and length in vector.short_ok:
            yield f"its first {length} bytes are refused: {short}"
    for frame in _bent(vector):
        bent = answer(decode, frame)
        if isinstance(bent, Reading):
            yield from (f"{what}, of {frame.payload.hex()} on port {frame.port}" for what in odd(bent))


def _bent(vector: Vector) -> Iterator[Frame]:
    """Give the frame with every byte changed in turn, with a tail, and on other ports."""
    frame = vector.frame()
    payload = frame.payload
    for at, byte in product(range(len(payload)), (0x00, 0x01, 0x7F, 0x80, 0xFF)):
        yield msgspec.structs.replace(frame, payload=payload[:at] + bytes([byte]) + payload[at + 1 :])
    yield msgspec.structs.replace(frame, payload=payload + b"\xff")
    for port in {1, 2, 3, 85, 255} - {frame.port}:
        yield msgspec.structs.replace(frame, port=port)
