"""Dragino LDS25-LB and LDS25-LS: laser, 25 m, with a wiper.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino_laser`
    2     11     reading, every 20 min by default
    3     11 n   stored readings, with the device's time
    5     7      status: 5-6 battery, mV
    6     8      wiper: 0 mode, 1 times, 2-3 interval, 4-7 last time; no measurement

The manual was not found. The number in the name of the LDS12 and of the LDS40 is their range in m, and all lasers of the vendor begin
at 100 mm. So the range here is 100 to 25,000 mm. The error values and the strength are those of the other lasers.

Calibration: none. The thresholds belong to the installation. Downlinks on port 1: `01` and the seconds between readings,
uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.

Source: dragino/dragino-end-node-decoder LDS25-LB.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS
from decoders._dragino_laser import battery_series, laser

DISTANCE: Final = laser(100, 25_000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDS25-LB, LDS25-LS",
    ports=(2, 3, 5, 6),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDS25-LB."""
    if frame.port == 6 and len(frame.payload) == 8:
        return Reading()
    return battery_series(frame, DEVICE)
