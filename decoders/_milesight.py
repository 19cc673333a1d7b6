"""The items that all distance sensors of Milesight send: a channel, a type and a value. Numbers are little-endian.

    channel  type        value
    01       75          battery, %; more than 100 is none
    FF       01 … FF     about the device: FE and 0B are a start, 16 is the serial number, the others are versions
    FE, FF   02 … F5     a setting that a downlink has read or changed
    F8, F9   0D … 39     the same for newer settings; with F8 one byte more, the result

Settings are not part of a reading. Their lengths are needed to find the next item.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from decoders import Command, Frame, Measured, Reading, Undecodable, measuring
from decoders._clock import unix_time
from decoders._commands import within
from decoders._items import Fields, Item
from decoders._items import read as read_items
from decoders.measuring import number

PORT: Final = 85
"""The default; it can be changed in the device."""


def read(frame: Frame, table: Mapping[bytes, Item], *, port: int) -> Reading:
    """Return the reading of a frame of items."""
    if frame.port != port:
        raise Undecodable(f"port {frame.port} is unknown: the option port is {port}")
    reading = read_items(frame.payload, table, width=2)
    # What a sensor that no longer hangs as it was mounted measures is no distance, wherever the position is in the frame.
    return replace(reading, distance_mm=None) if reading.tamper and reading.distance_mm is not None else reading


def read_radar(frame: Frame, *, port: int) -> Reading:
    """Return the reading of a frame of a radar. Its faults stand before or behind the distance that they concern."""
    reading = read(frame, RADAR, port=port)
    return replace(reading, distance_mm=None) if reading.fault and reading.distance_mm is not None else reading


def battery(value: bytes) -> Fields:
    """Read a battery level of one byte, in percent; more than 100 is none."""
    return {"battery_percent": float(value[0]) if value[0] <= 100 else None}


CELSIUS: Final = Measured(lowest=-40, highest=125)
"""The range of the thermistor: the data sheet of the EM400-UDL."""


def temperature(value: bytes) -> Fields:
    """Read a temperature, int16, 0.1 °C. The bytes of an alarm behind it are ignored."""
    return {"temperature_celsius": number(int.from_bytes(value[:2], "little", signed=True) / 10, CELSIUS)}


def distance(measured: Measured, faults: Mapping[float, str]) -> Callable[[bytes], Fields]:
    """Return the function that reads a distance, uint16, mm, and ignores the bytes of an alarm behind it."""

    def read_distance(value: bytes) -> Fields:
        millimetres, fault = measuring.distance(int.from_bytes(value[:2], "little"), measured, faults)
        return {"distance_mm": millimetres} if fault is None else {"distance_mm": None, "fault": fault}

    return read_distance


def radar_distance(value: bytes) -> Fields:
    """Read a distance of a radar, int16, mm. The bytes of an alarm behind it are ignored."""
    millimetres = int.from_bytes(value[:2], "little", signed=True)
    found, fault = measuring.distance(millimetres, RADAR_DISTANCE, RADAR_ERRORS)
    return {"distance_mm": found} if fault is None else {"distance_mm": None, "fault": fault}


def position(value: bytes) -> Fields:
    """Read a position: 0 as mounted, 1 tilted."""
    return {"tamper": {0: False, 1: True}.get(value[0])}


def history(measured: Measured, faults: Mapping[float, str]) -> Callable[[bytes], Fields]:
    """Return the function that reads a stored reading: seconds since 1970, uint32, and a distance, uint16."""
    read_distance = distance(measured, faults)

    def read_history(value: bytes) -> Fields:
        at = unix_time(int.from_bytes(value[:4], "little"))
        return {"past": (Reading(at=at, **read_distance(value[4:])),)} if at else {}

    return read_history


RADAR_DISTANCE: Final = Measured(lowest=1, highest=20_000, errors=(-1, -2, -3))
RADAR_ERRORS: Final[Mapping[float, str]] = {-1: measuring.SENSOR_FAULT, -2: "sensor switched off", -3: "no target"}
FAULTS: Final = {1: measuring.TOO_NEAR, 2: "no target", 3: measuring.SENSOR_FAULT}


RADAR_CELSIUS: Final = Measured(lowest=-40, highest=125, errors=(-0.1, -0.2))
"""FFFF is a sensor that failed, and FFFE one that is switched off."""


def radar_temperature(value: bytes) -> Fields:
    """Read a temperature of a radar, int16, 0.1 °C."""
    return {"temperature_celsius": number(int.from_bytes(value, "little", signed=True) / 10, RADAR_CELSIUS)}


def faulty_distance(value: bytes) -> Fields:
    """Read the fault of a distance. `read_radar` takes the distance away, wherever it is in the frame."""
    return {"fault": FAULTS[value[2]]} if value[2] in FAULTS else {}


def radar_history(value: bytes) -> Fields:
    """Read a stored reading of a radar: time, distance, temperature, change and events."""
    at = unix_time(int.from_bytes(value[:4], "little"))
    if at is None:
        return {}
    events = value[10]
    fields: Fields = {"fault": measuring.TOO_NEAR} if events & 0x04 else radar_distance(value[4:6])
    fields = {**fields, **radar_temperature(value[6:8])}
    if events & 0x20:
        fields = {**fields, "distance_mm": None, "tamper": True}
    return {"past": (Reading(at=at, **fields),)}


ABOUT: Final = {
    b"\xff\x01": Item(1),
    b"\xff\x09": Item(2),
    b"\xff\x0a": Item(2),
    b"\xff\x0b": Item(1),
    b"\xff\x0f": Item(1),
    b"\xff\x16": Item(8),
    b"\xff\xfe": Item(1),
    b"\xff\xff": Item(2),
}

SIZES: Final[Mapping[int, int]] = {
    **dict.fromkeys([0x10, 0x13, 0x27, 0x28, 0x2A, 0x3B, 0x3E, 0x4A, 0x56, 0x68, 0x69, 0x71, 0x84], 1),
    **dict.fromkeys([0xA1, 0xA3, 0xA4, 0xF5], 1),
    **dict.fromkeys([0x02, 0x03, 0x17, 0x1C, 0x70, 0x77, 0xA2, 0xBD, 0xF2], 2),
    **dict.fromkeys([0x6A, 0x8E, 0xAB], 3),
    **dict.fromkeys([0x11, 0xF1], 4),
    0x1B: 5,
    **dict.fromkeys([0x35, 0x96], 8),
    0x06: 9,
}
"""Lengths of settings by their type. They are the same in all models that have the setting."""

NEWER_SIZES: Final = {0x0D: 3, 0x12: 1, 0x13: 1, 0x14: 2, 0x15: 2, 0x16: 1, 0x39: 2}

COMMON: Final = {
    b"\x01\x75": Item(1, battery),
    **ABOUT,
    **{bytes([channel, kind]): Item(size) for channel in (0xFE, 0xFF) for kind, size in SIZES.items()},
    **{bytes([0xF8, kind]): Item(size + 1) for kind, size in NEWER_SIZES.items()},
    **{bytes([0xF9, kind]): Item(size) for kind, size in NEWER_SIZES.items()},
}
"""The items that every model may send beside its own."""

RADAR: Final = {
    **COMMON,
    b"\x03\x67": Item(2, radar_temperature),
    b"\x04\x82": Item(2, radar_distance),
    b"\x05\x00": Item(1, position),
    b"\x06\xc7": Item(2),
    b"\x20\xce": Item(11, radar_history),
    b"\x84\x82": Item(3, radar_distance),
    b"\x94\x82": Item(5, radar_distance),
    b"\xb4\x82": Item(3, faulty_distance),
}
"""The items of the EM410-RDL and the EM411-RDL."""


def _report_interval(*, seconds: int) -> tuple[int, bytes]:
    return PORT, b"\xff\x03" + within("seconds", seconds, 60, 64_800).to_bytes(2, "little")


DOWNLINKS: Final[Mapping[str, Command]] = {"report_interval": _report_interval}
"""The commands of EM310 and EM400."""
