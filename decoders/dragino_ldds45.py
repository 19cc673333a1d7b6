"""Dragino LDDS45: ultrasonic, 4.5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default
    2     5      reading of firmware before 1.1.4: 0-1 battery, 2-3 distance, 4 interrupt

The range is 30 to 4,500 mm from a flat object. A frame of 3 bytes, in which firmware before 1.1.4 has no distance, is refused.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder LDDS45; TheThingsNetwork/lorawan-devices vendor/dragino ldds45-codec.yaml; user manual of
the LDDS45 (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, first_series, ultrasonic

DISTANCE: Final = ultrasonic(30, 4500)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDDS45",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDDS45."""
    return first_series(frame, DEVICE)
