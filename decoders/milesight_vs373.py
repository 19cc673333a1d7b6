"""Milesight VS373: radar that sees people in up to six regions of a room, and falls.

It is made for care. It sees people, not vehicles. What a person in the room means has to be decided by a person: with the
option `presence=occupies` a region with a person is occupied, and so is the room. With the default, `presence=ignored`,
nothing has an occupancy.

    port       message
    85         items, see `_milesight_counting`, and these. If the port is changed in the device, set the option `port` as well

    item       value
    03 F8      room (firmware 1.0.1): status, target, seconds of use now and today, uint16 each
    07 B0      room (firmware 1.0.2): the same with seconds of 3 bytes each
    04 F9      regions 1 to 4 (firmware 1.0.1), a byte each: 00 occupied, 01 vacant
    0A B3      regions (firmware 1.0.2): their number, uint8, and a bit for each, uint32; 0 vacant, 1 occupied
    09 B2      kinds of the six regions
    05 FA, 0B B4, 0C B4   how long a person has been out of bed
    06 FB      alarm
    08 B1      breathing
    20 CE      a stored alarm, 9 bytes

    status     00 normal and 02 in bed and 04 fallen: a person is in the room. 01 vacant. 03 out of bed: it is not published whether
               the person is still in the room, so it has no occupancy

Channel 1 is region 1, and so on. The frame as a whole is the room.

Calibration: regions are drawn in the device's web interface. Downlinks: none are published here.

It has no battery. With another status, or another value of a region, the room or the region has no occupancy.

Source: Milesight-IoT/SensorDecoders vs-series/vs373, whose README describes firmware 1.0.1 and whose decoder both;
www.milesight.com products/docs/en/vs373, uplink and downlink.
"""

from collections.abc import Mapping
from typing import Final, Literal

from decoders import Device, Frame, Occupancy, Reading, Undecodable
from decoders._items import Fields, Item
from decoders._milesight import PORT
from decoders._milesight_counting import presence, read, reading, settings

REGIONS: Final = (1, 2, 3, 4, 5, 6)

DEVICE: Final = Device(vendor="Milesight", model="VS373", ports=(PORT,), channels=REGIONS)

_ROOM: Final[Mapping[int, Occupancy]] = {
    0: Occupancy.OCCUPIED,
    1: Occupancy.VACANT,
    2: Occupancy.OCCUPIED,
    4: Occupancy.OCCUPIED,
}
"""The occupancy of the room by its status."""
_REGION: Final[Mapping[int, Occupancy]] = {0: Occupancy.OCCUPIED, 1: Occupancy.VACANT}
"""The occupancy of a region by firmware 1.0.1."""


def decode(frame: Frame, *, presence: Literal["ignored", "occupies"] = "ignored", port: int = PORT) -> Reading:
    """Read one frame of a VS373."""
    return reading(read(frame, _ITEMS if presence == "ignored" else _ITEMS_AND_PEOPLE, port=port))


def _room(value: bytes) -> Fields:
    return {"occupancy": _ROOM.get(value[0])}


def _four_regions(value: bytes) -> Fields:
    return {"channels": {1 + at: {"occupancy": _REGION.get(state)} for at, state in enumerate(value)}}


def _all_regions(value: bytes) -> Fields:
    count, bits = value[0], int.from_bytes(value[1:], "little")
    if count > len(REGIONS):
        raise Undecodable(f"there are at most {len(REGIONS)} regions, not {count}")
    return {"channels": {region: presence(bits >> region - 1 & 1) for region in REGIONS[:count]}}


_NEWER: Final = {
    **dict.fromkeys([0x10, 0x48, 0x4D, 0x4E, 0x86, 0x87, 0xB3], 1),
    **dict.fromkeys([0x50, 0x56, 0x85], 2),
    **dict.fromkeys([0x52, 0x53, 0xB2, 0xB4], 3),
    **dict.fromkeys([0x4A, 0x4C, 0x91], 5),
    **dict.fromkeys([0x51, 0xB5], 6),
    0xB1: 7,
    **dict.fromkeys([0x49, 0x4B], 9),
    0x4F: 12,
}
_ITEMS: Final = {
    **settings({}, _NEWER),
    b"\x03\xf8": Item(6),
    b"\x07\xb0": Item(8),
    b"\x04\xf9": Item(4),
    b"\x09\xb2": Item(6),
    b"\x0a\xb3": Item(5),
    b"\x05\xfa": Item(8),
    b"\x0b\xb4": Item(9),
    b"\x0c\xb4": Item(9),
    b"\x06\xfb": Item(5),
    b"\x08\xb1": Item(3),
    b"\x20\xce": Item(9),
}
_ITEMS_AND_PEOPLE: Final = {
    **_ITEMS,
    b"\x03\xf8": Item(6, _room),
    b"\x07\xb0": Item(8, _room),
    b"\x04\xf9": Item(4, _four_regions),
    b"\x0a\xb3": Item(5, _all_regions),
}
