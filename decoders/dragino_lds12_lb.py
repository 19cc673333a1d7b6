"""Dragino LDS12-LB and LDS12-LS: laser, 12 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino_laser`
    2     11     reading, every 20 min by default
    3     11 n   stored readings, with the device's time
    5     7      status: 5-6 battery, mV

The range is 100 to 12,000 mm from an object that reflects 90 %, and 100 to 4,000 mm at 10 %.

Calibration: none. The thresholds belong to the installation. Downlinks on port 1: `01` and the seconds between readings,
uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.

Sources: dragino/dragino-end-node-decoder LDS12-LB; user manuals of the LDS12-LB/LS and LLDS12, which have the same laser (range,
strength).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS
from decoders._dragino_laser import battery_series, laser

DISTANCE: Final = laser(100, 12000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDS12-LB, LDS12-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDS12-LB."""
    return battery_series(frame, DEVICE)
