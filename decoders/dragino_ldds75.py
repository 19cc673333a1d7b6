"""Dragino LDDS75: ultrasonic, 7.5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default
    2     5      reading of firmware before 1.1.4: 0-1 battery, 2-3 distance, 4 interrupt

The range is 280 to 7,500 mm from a flat object. For 5 bytes, the codec of TheThingsNetwork/lorawan-devices takes the battery for
the distance. A frame of 3 bytes, in which that firmware has no distance, is refused.

Calibration: none. The thresholds belong to the installation.

Sources: chirpstack/lorawan-device-profiles vendors/dragino ldds75.js; dragino/dragino-end-node-decoder LDDS75; user manual of the
LDDS75 (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, first_series, ultrasonic

DISTANCE: Final = ultrasonic(280, 7500)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDDS75",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDDS75."""
    return first_series(frame, DEVICE)
