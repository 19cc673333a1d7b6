"""Milesight VS121: camera that sees people in up to 16 regions and counts who crosses its line.

It is made for offices. It sees people, not vehicles. What a region with a person means has to be decided by a person: with the
option `presence=occupies` it is occupied, as with a desk or a bay of a workshop. With the default, `presence=ignored`, no
region has an occupancy.

    port       message
    85         items, see `_milesight_counting`, and these. If the port is changed in the device, set the option `port` as well

    item       value
    04 C9      people seen, uint8; number of regions, uint8; regions with people, uint16, big-endian, bit 0 is region 1
    05 CC      in and out of the last period, uint16 each: they are no totals
    06 CD      most people seen at once
    07 D5      people in the regions 1 to 8, uint8 each
    08 D5      people in the regions 9 to 16, uint8 each
    09 … 0C DA who walked from A, B, C or D to A, B, C and D, uint16 each
    0D CC      totals in and out, uint16 each. They begin again at 0 at a set hour, or by a downlink
    0E E4      how long people stayed in a region
    0F 85      time of the measurement, seconds since 1970, uint32
    10 F7      in and out of the line, uint16 each (firmware 7.0.85). Whether they are totals is not published: they are not read
    20 CE      a stored reading: 01 regions, 10 totals; the other kinds are not read
    FF 03      a setting, seconds between reports, uint24; before firmware 88 uint16
    FF 08      serial number, 8 bytes, or 6 as published earlier
    F9 88      a setting, level of the log, 2 bytes, of which the first is 0, or 1 byte as published earlier

Channel 1 is region 1, and so on. No item contains its length. The serial number has 6 bytes if an item begins behind them. An
interval of 3 bytes ends with 00 or 01, because it is one day at most.

Calibration: regions and line are drawn in the device's web interface. Downlinks: `FF 51 FF` sets the totals to 0.

It has no battery, and no error values are published.

Source: Milesight-IoT/SensorDecoders vs-series/vs121 at 2b9c9769, and at cef13bae for what was published earlier;
www.milesight.com products/docs/en/vs121-lora, uplink.
"""

from typing import Final, Literal

from decoders import Device, Frame, Reading
from decoders._items import Fields, Item
from decoders._milesight import PORT
from decoders._milesight_counting import STORED, Sizes, moment, presence, read, reading, settings, totals

REGIONS: Final = tuple(range(1, 17))

DEVICE: Final = Device(vendor="Milesight", model="VS121", ports=(PORT,), channels=REGIONS)


def decode(frame: Frame, *, presence: Literal["ignored", "occupies"] = "ignored", port: int = PORT) -> Reading:
    """Read one frame of a VS121."""
    if presence == "occupies":
        return reading(read(frame, _ITEMS_AND_REGIONS, _STORED_AND_REGIONS, port=port, sizes=_SIZES))
    return reading(read(frame, _ITEMS, _STORED, port=port, sizes=_SIZES))


def _seen(value: bytes) -> Fields:
    """Read which of the regions have people. A number of regions above 16 means 16."""
    mask = int.from_bytes(value[2:4])
    return {"channels": {region: presence(mask >> region - 1 & 1) for region in REGIONS[: value[1]]}}


def _first_eight(value: bytes) -> Fields:
    return {"channels": {1 + at: presence(people) for at, people in enumerate(value)}}


def _last_eight(value: bytes) -> Fields:
    return {"channels": {9 + at: presence(people) for at, people in enumerate(value)}}


def _of_serial_number(rest: bytes) -> int:
    """Return the longer one only if the payload ends or an item begins behind it, and none begins behind the shorter one.

    A serial number consists of pairs of digits, so FF begins an item.
    """
    if rest[6:7] == b"\xff" or rest[6:8] in _KEYS:
        return 6
    return 8 if len(rest) == 8 or rest[8:10] in _KEYS else 6


def _of_interval(rest: bytes) -> int:
    return 3 if rest[2:3] in {b"\x00", b"\x01"} else 2


def _of_log_level(rest: bytes) -> int:
    return 2 if rest.startswith(b"\x00") else 1


_SIZES: Final[Sizes] = {
    b"\xff\x08": _of_serial_number,
    b"\xfe\x03": _of_interval,
    b"\xff\x03": _of_interval,
    b"\xf8\x88": lambda rest: _of_log_level(rest) + 1,
    b"\xf9\x88": _of_log_level,
}
_SETTINGS: Final = {
    **dict.fromkeys([0x41, 0x45, 0x48, 0x50, 0x51], 1),
    **dict.fromkeys([0x03, 0x05, 0x46], 3),
}
_NEWER: Final = {
    **dict.fromkeys([0x10, 0x11, 0x3D, 0x86, 0x87, 0x8B, 0x8C, 0x93, 0x94, 0x98], 1),
    **dict.fromkeys([0xBA, 0xCD, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD8, 0xDC, 0xDD], 1),
    **dict.fromkeys([0x85, 0x88, 0x89, 0x97, 0xD5], 2),
    **dict.fromkeys([0x92, 0x96, 0xB7], 3),
    **dict.fromkeys([0x8D, 0x8E, 0xD6], 4),
    0x91: 5,
    **dict.fromkeys([0x90, 0x95], 6),
    **dict.fromkeys([0x99, 0xD7], 7),
}
_ITEMS: Final = {
    **settings(_SETTINGS, _NEWER),
    b"\xff\x08": Item(8),
    b"\x04\xc9": Item(4),
    b"\x05\xcc": Item(4),
    b"\x06\xcd": Item(1),
    b"\x07\xd5": Item(8),
    b"\x08\xd5": Item(8),
    **dict.fromkeys([b"\x09\xda", b"\x0a\xda", b"\x0b\xda", b"\x0c\xda"], Item(8)),
    b"\x0d\xcc": Item(4, totals),
    b"\x0e\xe4": Item(5),
    b"\x0f\x85": Item(4, moment),
    b"\x10\xf7": Item(4),
}
_KEYS: Final = {*_ITEMS, STORED}
_ITEMS_AND_REGIONS: Final = {
    **_ITEMS,
    b"\x04\xc9": Item(4, _seen),
    b"\x07\xd5": Item(8, _first_eight),
    b"\x08\xd5": Item(8, _last_eight),
}
_STORED: Final = {
    **dict.fromkeys(range(0x01, 0x13), Item(4)),
    0x03: Item(1),
    0x10: Item(4, totals),
    0x11: Item(5),
}
_STORED_AND_REGIONS: Final = {**_STORED, 0x01: Item(4, _seen)}
