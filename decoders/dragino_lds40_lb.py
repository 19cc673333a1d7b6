"""Dragino LDS40-LB and LDS40-LS: laser, 40 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino_laser`
    2     11     reading, every 20 min by default
    3     11 n   stored readings, with the device's time
    5     7      status: 5-6 battery, mV

The range is 100 to 40,000 mm from an object that reflects 90 %, and 100 to 13,500 mm at 10 %. With a strength of 60 or below the
laser sends 45,000.

Calibration: none. The thresholds belong to the installation. Downlinks on port 1: `01` and the seconds between readings,
uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.

Sources: dragino/dragino-end-node-decoder LDS40-LB; user manuals of the LDS40-NB and LLDS40, which have the same laser (range,
strength).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS
from decoders._dragino_laser import battery_series, laser

DISTANCE: Final = laser(100, 40000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDS40-LB, LDS40-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDS40-LB."""
    return battery_series(frame, DEVICE)
