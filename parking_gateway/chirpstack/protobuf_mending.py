"""Mends protobuf whose text is no UTF-8, because protobuf itself refuses such a message as a whole.

The module follows the wire format and replaces text only.
"""

from typing import Any, Final

_PARTS: Final = 2
"""The wire type of text, bytes and messages."""
_DEEPEST: Final = 100
"""Nested messages. Protobuf itself refuses more."""
_LONGEST_VARINT: Final = 10
_SEVEN_BITS: Final = 0x7F


def mended(payload: bytes, descriptor: Any) -> bytes:
    """Replace invalid UTF-8 by U+FFFD. Raises `ValueError` or `IndexError` for bytes that are no protobuf."""
    return _mended(payload, descriptor, depth=0)


def _mended(payload: bytes, descriptor: Any, *, depth: int) -> bytes:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    found = bytearray()
    at = 0
    while at < len(payload):
        start = at
        key, at = _varint(payload, at)
        number, kind = key >> 3, key & 7
        field = descriptor.fields_by_number.get(number)
        if kind != _PARTS:
            at = _after(payload, at, kind)
            found += payload[start:at]
            continue
        length, at = _varint(payload, at)
        part = payload[at : at + length]
        if len(part) < length:
            raise IndexError(length)
        at += length
        part = _part(part, field, depth=depth + 1)
        found += _written(key) + _written(len(part)) + part
    return bytes(found)


def _part(part: bytes, field: Any, *, depth: int) -> bytes:
    if field is None:
        return part
    if field.type == field.TYPE_STRING:
        return part.decode(errors="replace").encode()
    return _mended(part, field.message_type, depth=depth) if field.message_type else part


def _after(payload: bytes, at: int, kind: int) -> int:
    """Return where a value of this wire type ends."""
    match kind:
        case 0:
            return _varint(payload, at)[1]
        case 1:
            end = at + 8
        case 5:
            end = at + 4
        case _:
            raise ValueError(f"wire type {kind}")  # groups, which proto3 does not have
    if end > len(payload):
        raise IndexError(end)
    return end


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(_LONGEST_VARINT):
        byte = payload[at + place]
        number |= (byte & _SEVEN_BITS) << 7 * place
        if byte <= _SEVEN_BITS:
            return number, at + place + 1
    raise ValueError("a number without end")


def _written(number: int) -> bytes:
    digits = bytearray()
    while number > _SEVEN_BITS:
        digits.append(number & _SEVEN_BITS | _SEVEN_BITS + 1)
        number >>= 7
    digits.append(number)
    return bytes(digits)
