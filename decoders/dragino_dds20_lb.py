"""Dragino DDS20-LB and DDS20-LS: ultrasonic, 2 m, made for liquids behind a wall.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default
    3     11 n   stored readings, with the device's time
    5     7      status

The range is 20 to 2,000 mm. 20 itself also stands for each smaller distance, so it is no measurement.

The vendor's own codec prints the temperature of a stored reading without its point: 250 for 25.0 °C. Another published codec
(akenza-io/device-type-library) looks for distance and temperature of stored readings the other way round, one byte further on,
which no message of the vendor has.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder DDS20-LB; user manuals of the DDS20-NB and LDDS20, which have the same sensor (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, battery_series, ultrasonic

DISTANCE: Final = ultrasonic(21, 2000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="DDS20-LB, DDS20-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of a DDS20-LB."""
    return battery_series(frame, DEVICE)
