"""Finds which bits of a frame matter: flips each bit, decodes again and compares. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from decoders import Frame
from parking_gateway.core.events import Rejection
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import attempt
from parking_gateway.decoding.frame_lines import why_not, words

Words = dict[str, Any]
"""Fields of a reading, or `undecodable`, as JSON has them."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a frame that is not what it was, and what the frame says then."""

    byte: int
    bit: int | None
    """7 to 0. None: the byte as a whole, where something in it matters that no bit of it decides alone."""
    becomes: Words
    """What is said otherwise; None where nothing is said any more. Or why the frame is refused: `undecodable`."""


def said(decode: codecs.Bound, frame: Frame) -> Words:
    """What a codec makes of a frame, as JSON has it."""
    reading = attempt(decode, frame)
    return {"undecodable": why_not(reading)} if isinstance(reading, Rejection) else words(reading)


def changes(decode: codecs.Bound, frame: Frame) -> Iterator[Change]:
    """Everything in a frame that says something, from its first bit to its last.

    Where a byte or one of its halves would say something else if it were cleared or full, and no single bit of it does,
    the byte is named as a whole: a status that is "not 0" has no bit of its own.
    """
    before = said(decode, frame)

    def otherwise(byte: int, value: int) -> Words:
        payload = frame.payload[:byte] + bytes([value]) + frame.payload[byte + 1 :]
        return _difference(before, said(decode, msgspec.structs.replace(frame, payload=payload)))

    for byte, value in enumerate(frame.payload):
        by_a_bit: set[str] = set()
        for bit in range(7, -1, -1):
            if becomes := otherwise(byte, value ^ 1 << bit):
                by_a_bit.update(becomes)
                yield Change(byte=byte, bit=bit, becomes=becomes)
        together: Words = {}
        for other in (0x00, value & 0x0F, value & 0xF0, 0xFF):
            for name, word in otherwise(byte, other).items():
                if name not in by_a_bit:
                    together.setdefault(name, word)
        if together:
            yield Change(byte=byte, bit=None, becomes=together)


def _difference(before: Words, after: Words) -> Words:
    if "undecodable" in after:
        return after
    return {
        name: after.get(name) for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
    }
