"""Dragino LLDS12: laser, 12 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message
    2     11     reading, see `_dragino_laser`; every 20 min by default

The range is 100 to 12,000 mm from an object that reflects 90 %, and 100 to 4,000 mm at 10 %. A message of kind 2 is an answer to a
downlink and contains no measurement.

Calibration: none. The thresholds belong to the installation. Downlinks on port 1: `01` and the seconds between readings,
uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.

Sources: dragino/dragino-end-node-decoder LLDS12; user manual of the LLDS12 (range, strength).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS
from decoders._dragino_laser import first_series, laser

DISTANCE: Final = laser(100, 12000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LLDS12",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LLDS12."""
    return first_series(frame, DEVICE)
