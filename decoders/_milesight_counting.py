"""The items that the counting sensors of Milesight send: a channel, a type and a value. Numbers are little-endian.

    item                  value
    03 D2, 06, 09, 0C     total in of the lines 1 to 4, uint32
    04 D2, 07, 0A, 0D     total out of the lines 1 to 4, uint32
    05 CC, 08, 0B, 0E     in and out of the last period, uint16 each
    0F E3, 10 E4          people in regions, and how long they stayed
    11 … 1E               the same for children
    50 FC                 alarm: the lens is covered
    20 CE                 a stored reading: seconds since 1970, uint32; the channel of its item; the value of the item
    FE … FF …, F8 …, F9 … settings and versions

Settings, periods and regions are not part of a reading. Their lengths are needed to find the next item.
"""

from collections.abc import Mapping
from typing import Any, Final

from decoders import Frame, Reading, Undecodable
from decoders._clock import unix_time
from decoders._items import Fields
from decoders._milesight import ABOUT, SIZES

LINES: Final = (1, 2, 3, 4)
_INS: Final = {0x03 + 3 * (line - 1): (line, "counter_in") for line in LINES}
_OUTS: Final = {0x04 + 3 * (line - 1): (line, "counter_out") for line in LINES}
_TOTALS: Final[Mapping[int, tuple[int, str]]] = {**_INS, **_OUTS}
"""The line and the field of a total, by channel."""
_TOTAL, _PERIOD, _STORED, _COVERED = 0xD2, 0xCC, b"\x20\xce", b"\x50\xfc"
_ITEMS: Final = {
    **{key: item.size for key, item in ABOUT.items()},
    **{bytes([0xFE + last, kind]): size for last in (0, 1) for kind, size in SIZES.items()},
    **{bytes([0xFE + last, kind]): 1 for last in (0, 1) for kind in (0x04, 0x40, 0x42, 0x43, 0x44, 0x51, 0x6D)},
    b"\xff\x1f": 4,
    **{
        bytes([channel, _TOTAL]): 4
        for base in (0x03, 0x11)
        for at in range(4)
        for channel in (base + 3 * at, base + 3 * at + 1)
    },
    **{bytes([base + 3 * at, _PERIOD]): 4 for base in (0x05, 0x13) for at in range(4)},
    **dict.fromkeys([b"\x0f\xe3", b"\x1d\xe3"], 4),
    **dict.fromkeys([b"\x10\xe4", b"\x1e\xe4"], 5),
    _COVERED: 3,
    **{bytes([0xF8, kind]): size + 1 for kind, size in ((0x84, 3), (0x85, 2), (0x86, 1), (0x87, 1), (0x88, 2))},
    **{bytes([0xF9, kind]): size for kind, size in ((0x84, 3), (0x85, 2), (0x86, 1), (0x87, 1), (0x88, 2))},
}
"""The lengths of all values but those of stored readings."""
_STAYS: Final = frozenset({0x10, 0x20, 0x1E, 0x3C})
"""Stored readings of these channels are one byte shorter."""
_STORABLE: Final = frozenset(range(0x03, 0x1F)) | _STAYS
_WIDTH: Final = 2
_TIME: Final = 4


def read(frame: Frame, *, port: int) -> Reading:
    """Return the totals of all lines. Those of line 1 are those of the frame as well."""
    if frame.port != port:
        raise Undecodable(f"port {frame.port} is unknown: the option port is {port}")
    payload = frame.payload
    if not payload:
        raise Undecodable("the payload is empty")
    lines: dict[int, dict[str, Any]] = {}
    past: list[Reading] = []
    fault = None
    start = 0
    while start < len(payload):
        key = payload[start : start + _WIDTH]
        value = _value(payload, start, key)
        start += _WIDTH + len(value)
        if key == _STORED:
            past += _stored(value)
        elif key == _COVERED:
            fault = "the lens is covered" if value[2] else fault
        elif key[1] == _TOTAL and key[0] in _TOTALS:
            line, name = _TOTALS[key[0]]
            lines.setdefault(line, {})[name] = int.from_bytes(value, "little")
    return Reading(fault=fault, past=tuple(past), **_fields(lines))


def _value(payload: bytes, start: int, key: bytes) -> bytes:
    at = start + _WIDTH
    if key == _STORED:
        kind = payload[at + _TIME] if len(payload) > at + _TIME else None
        if kind is not None and kind not in _STORABLE:
            raise Undecodable(f"byte {at + _TIME}: no stored reading has the channel {kind:02x}")
        size = 8 if kind in _STAYS else 9
    elif key in _ITEMS:
        size = _ITEMS[key]
    else:
        raise Undecodable(f"byte {start}: no item begins with {key.hex(' ')}")
    value = payload[at : at + size]
    if len(value) < size:
        raise Undecodable(f"byte {at}: item {key.hex(' ')} is cut short: length {size}, left {len(value)}")
    return value


def _fields(lines: Mapping[int, Fields]) -> dict[str, Any]:
    if not lines:
        return {}
    return {**lines.get(1, {}), "channels": {line: Reading(**totals) for line, totals in lines.items()}}


def _stored(value: bytes) -> list[Reading]:
    at = unix_time(int.from_bytes(value[:_TIME], "little"))
    if at is None or value[_TIME] not in _TOTALS:
        return []
    line, name = _TOTALS[value[_TIME]]
    return [Reading(at=at, **_fields({line: {name: int.from_bytes(value[_TIME + 1 :], "little")}}))]
