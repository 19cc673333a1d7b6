"""Dragino DDS45-LB and DDS45-LS: ultrasonic, 4.5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default
    3     11 n   stored readings, with the device's time
    5     7      status

The range is 30 to 4,500 mm from a flat object.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder DDS45-LB; user manual of the DDS45-LB/LS (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, battery_series, ultrasonic

DISTANCE: Final = ultrasonic(30, 4500)

DEVICE: Final = Device(
    vendor="Dragino",
    model="DDS45-LB, DDS45-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of a DDS45-LB."""
    return battery_series(frame, DEVICE)
