"""Finds which bits of a frame matter: flips each bit, decodes again and compares. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from decoders import Frame
from parking_gateway.core.events import Rejection
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import decode_frame
from parking_gateway.decoding.frame_lines import as_json, cause

JsonReading = dict[str, Any]
"""The fields of a reading as JSON, or `undecodable`."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a bit or a byte, and its effect on the reading."""

    byte: int
    bit: int | None
    """7 to 0. None: the byte as a whole, because no single bit of it has this effect."""
    becomes: JsonReading
    """The fields that differ, None for a field that is missing. Or `undecodable`, why the changed frame is refused."""


def decoded(decode: codecs.Bound, frame: Frame) -> JsonReading:
    """Decode a frame, and return the reading as JSON."""
    reading = decode_frame(decode, frame)
    return {"undecodable": cause(reading)} if isinstance(reading, Rejection) else as_json(reading)


def effects(decode: codecs.Bound, frame: Frame) -> Iterator[Effect]:
    """Yield the bits of a frame that matter, from the first to the last.

    A byte is yielded as a whole if an effect comes only from clearing or filling the byte or half of it. For example, a
    status that is "not 0" depends on no single bit.
    """
    before = decoded(decode, frame)

    def effect(byte: int, value: int) -> JsonReading:
        payload = frame.payload[:byte] + bytes([value]) + frame.payload[byte + 1 :]
        return _difference(before, decoded(decode, msgspec.structs.replace(frame, payload=payload)))

    for byte, value in enumerate(frame.payload):
        by_a_bit: set[str] = set()
        for bit in range(7, -1, -1):
            if becomes := effect(byte, value ^ 1 << bit):
                by_a_bit.update(becomes)
                yield Effect(byte=byte, bit=bit, becomes=becomes)
        together: JsonReading = {}
        for other in (0x00, value & 0x0F, value & 0xF0, 0xFF):
            for name, value_then in effect(byte, other).items():
                if name not in by_a_bit:
                    together.setdefault(name, value_then)
        if together:
            yield Effect(byte=byte, bit=None, becomes=together)


def _difference(before: JsonReading, after: JsonReading) -> JsonReading:
    if "undecodable" in after:
        return after
    return {
        name: after.get(name) for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
    }
