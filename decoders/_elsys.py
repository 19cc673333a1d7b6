"""The frames of ELSYS sensors: a list of items, on any port. An item is a type and a value. Numbers are big-endian.

    type  value
    01    temperature, 0.1 °C, int16
    07    battery, mV, uint16
    0E    distance, mm, uint16
    02    humidity, %                        03    acceleration x, y, z, int8 each
    0F    motion                             14    pressure, uint32

Other types of the vendor's sensors are skipped by their lengths. If a frame has two distances, the later one is newer. A frame
that begins with 3E and a length contains that many bytes of settings and no measurement.

What is no measurement: a distance of 0 or FFFF, or beyond the range of the sensor; a temperature beyond -40 to 85 °C, which the
electronics bear; a battery below 1.8 or above 4 V, because the cell has 3.6 V.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Measured, Reading, measuring
from decoders._items import Fields, Item
from decoders._items import read as read_items

CELSIUS: Final = Measured(lowest=-40, highest=85)
VOLTS: Final = Measured(lowest=1.8, highest=4)

SKIPPED: Final = {
    **dict.fromkeys(b"\x02\x05\x0d\x0f\x11\x12\x1a\x1d\x1e\x1f\x21\x23\x24", 1),
    **dict.fromkeys(b"\x04\x06\x08\x0a\x0c\x15\x16\x18\x19\x1c\x20\x22", 2),
    0x03: 3,
    **dict.fromkeys(b"\x0b\x10\x14\x17\x1b\x3c\x3d", 4),
    0x09: 6,
    0x13: 65,
}
"""Lengths of values that a parking space does not need, by their type."""


_SETTINGS: Final = b"\x3e"


def read(payload: bytes, table: Mapping[bytes, Item]) -> Reading:
    """Return the reading of a frame of items; an empty one for a frame of settings."""
    if payload.startswith(_SETTINGS) and len(payload) > 1 and len(payload) == 2 + payload[1]:
        return Reading()
    return read_items(payload, table, width=1)


def measures(distance: Measured) -> dict[str, Measured]:
    """Return what a device with this sensor measures."""
    return {"distance_mm": distance, "temperature_celsius": CELSIUS, "battery_volts": VOLTS}


def items(distance: Measured) -> Mapping[bytes, Item]:
    """Return the items of a device with this sensor."""

    def _distance(value: bytes) -> Fields:
        millimetres, fault = measuring.distance(int.from_bytes(value), distance)
        return {"distance_mm": millimetres, "fault": fault}

    return {
        **{bytes([kind]): Item(size) for kind, size in SKIPPED.items()},
        b"\x01": Item(2, _temperature),
        b"\x07": Item(2, _battery),
        b"\x0e": Item(2, _distance),
    }


def _temperature(value: bytes) -> Fields:
    return {"temperature_celsius": measuring.number(int.from_bytes(value, signed=True) / 10, CELSIUS)}


def _battery(value: bytes) -> Fields:
    return {"battery_volts": measuring.number(int.from_bytes(value) / 1000, VOLTS)}
