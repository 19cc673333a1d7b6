"""The items of the cameras of Milesight that count over up to four lines. The frame is described in `_milesight_counting`.

    item                  value
    03 D2, 06, 09, 0C     total in of the lines 1 to 4, uint32
    04 D2, 07, 0A, 0D     total out of the lines 1 to 4, uint32
    05 CC, 08, 0B, 0E     in and out of the last period, uint16 each
    0F E3, 10 E4          people in regions, and how long they stayed
    11 … 1E               the same for children
    50 FC                 alarm: the lens is covered
    20 CE                 a stored reading: time, the channel of its item, the value of the item

Settings, periods, regions and children are not part of a reading.
"""

from collections.abc import Callable
from typing import Final

from decoders import Frame, Reading
from decoders._items import Fields, Item
from decoders._milesight_counting import read as fields_of
from decoders._milesight_counting import reading, settings

LINES: Final = (1, 2, 3, 4)
_TOTAL, _PERIOD = 0xD2, 0xCC


def read(frame: Frame, *, port: int) -> Reading:
    """Return the totals of all lines. Those of line 1 are those of the frame as well."""
    return reading(fields_of(frame, _ITEMS, _STORED, port=port))


def _total(line: int, name: str) -> Callable[[bytes], Fields]:
    def decode(value: bytes) -> Fields:
        own = {name: int.from_bytes(value, "little")}
        return {**own, "channels": {line: own}} if line == 1 else {"channels": {line: own}}

    return decode


def _covered(value: bytes) -> Fields:
    return {"fault": "the lens is covered"} if value[2] else {}


_TOTALS: Final = {
    channel: Item(4, _total(line, name))
    for line in LINES
    for channel, name in ((3 * line, "counter_in"), (3 * line + 1, "counter_out"))
}
"""The totals by their channels."""
_ITEMS: Final = {
    **settings({0x51: 1}, {0x84: 3, 0x85: 2, 0x86: 1, 0x87: 1, 0x88: 2}),
    **{bytes([channel, _TOTAL]): item for channel, item in _TOTALS.items()},
    **{bytes([channel + 14, _TOTAL]): Item(4) for channel in _TOTALS},
    **{bytes([base + 3 * at, _PERIOD]): Item(4) for base in (0x05, 0x13) for at in range(4)},
    **dict.fromkeys([b"\x0f\xe3", b"\x1d\xe3"], Item(4)),
    **dict.fromkeys([b"\x10\xe4", b"\x1e\xe4"], Item(5)),
    b"\x50\xfc": Item(3, _covered),
}
_STORED: Final = {
    **{channel: Item(4) for channel in range(0x03, 0x1F)},
    **_TOTALS,
    **dict.fromkeys([0x10, 0x20, 0x1E, 0x3C], Item(3)),
}
"""Stored readings by their channels. A stay is one byte shorter than the others."""
