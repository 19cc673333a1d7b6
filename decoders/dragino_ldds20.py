"""Dragino LDDS20: ultrasonic, 2 m, made for liquids behind a wall.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default
    2     5      reading of firmware before 1.1.4: 0-1 battery, 2-3 distance, 4 interrupt

The range is 20 to 2,000 mm. 20 itself also stands for each smaller distance, so it is no measurement. A frame of 3 bytes, in which
firmware before 1.1.4 has no distance, is refused.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder LDDS20; user manual of the LDDS20 (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, first_series, ultrasonic

DISTANCE: Final = ultrasonic(21, 2000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDDS20",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDDS20."""
    return first_series(frame, DEVICE)
