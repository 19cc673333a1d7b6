"""ELSYS ELT-2 and ELT Ultrasonic: ultrasonic, also with radar.

It measures a distance. The thresholds of the installation turn it into an occupancy.

A frame is a list of items, on any port: a type and a value. Numbers are big-endian.

    type  value
    01    temperature, 0.1 °C, int16
    07    battery, mV, uint16
    0E    distance, mm, uint16; 0 and FFFF are none
    02    humidity, %                        03    acceleration x, y, z, int8 each
    0F    motion                             14    pressure, uint32

Other types of the vendor's sensors are skipped by their lengths. If a frame has two distances, the later one is newer.

Calibration: none. The thresholds belong to the installation. Downlinks: none published.

Sources: TheThingsNetwork/lorawan-devices vendor/elsys elsys.js; akenza-io/device-type-library types/elsys/elt-2-ultrasonic.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._items import Fields, Item, read

DISTANCE: Final = Measured(lowest=200, highest=10_000, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="ELSYS",
    model="ELT-2, ELT Ultrasonic",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of an ELT."""
    return read(frame.payload, ITEMS, width=1)


def _temperature(value: bytes) -> Fields:
    return {"temperature_celsius": int.from_bytes(value, signed=True) / 10}


def _battery(value: bytes) -> Fields:
    return {"battery_volts": int.from_bytes(value) / 1000}


def _distance(value: bytes) -> Fields:
    millimetres, fault = measuring.distance(int.from_bytes(value), DISTANCE)
    return {"distance_mm": millimetres, "fault": fault}


SKIPPED: Final = {
    **dict.fromkeys(b"\x02\x05\x0d\x0f\x11\x12\x1a", 1),
    **dict.fromkeys(b"\x04\x06\x08\x0a\x0c\x15\x16\x18\x19\x1c", 2),
    0x03: 3,
    **dict.fromkeys(b"\x0b\x10\x14\x17\x1b\x3d", 4),
    0x09: 6,
    0x13: 65,
}
"""Lengths of values that a parking space does not need, by their type."""

ITEMS: Final = {
    **{bytes([kind]): Item(size) for kind, size in SKIPPED.items()},
    b"\x01": Item(2, _temperature),
    b"\x07": Item(2, _battery),
    b"\x0e": Item(2, _distance),
}
