"""Dragino DDS75-LB and DDS75-LS: ultrasonic, 7.5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading
    2     14-    several readings, if bit 12 of the first word is set: battery in its low 12 bits, distances from byte 8 on,
                 in the last four bytes interrupt, temperature, sensor flag
    3     11 n   stored readings, with the device's time
    5     7      status

A reading comes every 20 min by default. The order of several readings is not published, so they give no distance.

Calibration: none. The thresholds belong to the installation.

Source: dragino/dragino-end-node-decoder DDS75-LB.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import DISTANCE, DOWNLINKS, celsius, reading, status, stored
from decoders._refusals import unfit

DEVICE: Final = Device(
    vendor="Dragino",
    model="DDS75-LB, DDS75-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of a DDS75-LB."""
    payload = frame.payload
    match frame.port, len(payload):
        case 2, 8:
            return reading(payload)
        case 2, size if size >= 14 and size % 2 == 0 and payload[0] & 0x10:
            return _several(payload)
        case 3, _:
            return stored(payload)
        case 5, 7:
            return status(payload)
    raise unfit(frame, DEVICE)


def _several(payload: bytes) -> Reading:
    battery = int.from_bytes(payload[:2]) & 0x0FFF
    return Reading(battery_volts=battery / 1000, temperature_celsius=celsius(payload[-3:-1]))
