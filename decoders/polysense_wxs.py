"""Polysense WxS8000, WxS8800: a mote with one or several sensors, here one that measures a distance.

Polysense publishes no sensor that decides about a parking space by itself. One that measures a distance watches a space by the
thresholds of the installation.

    bytes  message, on any port
    3-     d7 7e, then items: a key of one byte and a value
    3-     d7 84, 85, 87 and 88: about the mote, its clock, its statistics and its settings; not read

    key     value
    01, 0e  temperature of the mote, and of a sensor beside it, 0.1 °C, int16. The later one in the frame counts
    07      battery, mV, uint16
    6f      battery or something else, %
    26      distance, mm, uint16
    87      distance, mm, float
    others  gases, climate, electricity, water, position: not read, but their lengths are needed to find the next item
    78      Wi-Fi networks: its length varies, so a frame with it is refused

Numbers are big-endian. If a frame has several distances, the last one counts. Counters and switches are not read: two sources
disagree about the order of the bits of 14, and for 13, 37, 38, 6c and 75 it is not published what they count and since when.
The key 08 has two bytes by Polysense and one byte by TagoIO: Polysense is followed. The key 6f is not read, because it may be
another percentage.

A distance of 0 or of FFFF (26), or one that is no number (87), is no echo. Which distances can be measured depends on the
sensor that is connected, and is not published. A battery of 0 is none, and so is a temperature that no Pt100 measures (-200 to
850 °C).

Calibration: none. The thresholds belong to the installation. Downlinks: none are published here.

Source: polysense/SensorDecoders Decoder.js and README; WxS8000 User Guide 2.3, chapter 4.2 (the messages, the key 05);
tago-io/decoders polysense (the keys 10 to 12, 27, 2e, 2f, 33 to 37, 3a and 3c).
"""

import math
import struct
from typing import Final

from decoders import Device, Frame, Measured, Reading, Undecodable, measuring
from decoders._items import Fields, Item, read

DISTANCE: Final = Measured(lowest=1, highest=0xFFFE, errors=(0, 0xFFFF))

CELSIUS: Final = Measured(lowest=-200, highest=850)

VOLTS: Final = Measured(lowest=1.5, highest=5)
"""Bounds that no battery of the sensor exceeds."""

DEVICE: Final = Device(
    vendor="Polysense",
    model="WxS8000, WxS8800",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "temperature_celsius": CELSIUS, "battery_volts": VOLTS},
)

_HEAD: Final = b"\xd7\x7e"
_ABOUT: Final = (b"\xd7\x84", b"\xd7\x85", b"\xd7\x87", b"\xd7\x88")


def decode(frame: Frame) -> Reading:
    """Read one frame of a WxS8000 or WxS8800."""
    payload = frame.payload
    if payload.startswith(_ABOUT) and len(payload) > len(_HEAD):
        return Reading()
    if not payload.startswith(_HEAD):
        raise Undecodable(f"bytes 0 and 1: a frame begins with d7 7e, not {payload[:2].hex(' ')}")
    return read(payload[2:], _ITEMS, width=1)


def _temperature(value: bytes) -> Fields:
    return {"temperature_celsius": measuring.number(int.from_bytes(value, signed=True) / 10, CELSIUS)}


def _volts(value: bytes) -> Fields:
    return {"battery_volts": measuring.number(int.from_bytes(value) / 1000, VOLTS)}


def _distance(value: bytes) -> Fields:
    millimetres, fault = measuring.distance(int.from_bytes(value), DISTANCE)
    return {"distance_mm": millimetres, "fault": fault}


def _exact_distance(value: bytes) -> Fields:
    number = struct.unpack(">f", value)[0]
    millimetres, fault = measuring.distance(round(number) if math.isfinite(number) else 0, DISTANCE)
    return {"distance_mm": millimetres, "fault": fault}


_SIZES: Final = {
    1: "02 0c 10 11 12 14 2c 2f 30 33 38 3c 6c 6f",
    2: "06 08 0a 0b 0f 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20 21 22 23 24 25 27 28 29 2a 2d 31 32 39 3a 3b 3d 4c 4f 50 51 52 54"
    " 5e 5f 65 66 67 68 69 6a 6b 79 7a 8e 8f",
    4: "05 0d 13 37 3f 40 41 42 43 44 4d 53 55 56 57 58 59 5a 5b 5c 5d 62 63 64 6d 6e 70 71 72 73 75 7b 7c 7d 7e 7f 80 81 82 83"
    " 84 85 86 88 89 8a 8b 8c 8d",
    6: "03 04 2b 2e 34 35 36",
    8: "09",
}
_ITEMS: Final = {
    **{bytes([key]): Item(size) for size, keys in _SIZES.items() for key in bytes.fromhex(keys)},
    b"\x01": Item(2, _temperature),
    b"\x0e": Item(2, _temperature),
    b"\x07": Item(2, _volts),
    b"\x26": Item(2, _distance),
    b"\x87": Item(4, _exact_distance),
}
