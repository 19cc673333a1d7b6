"""Dragino LDDS75: ultrasonic, 7.5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message
    2     8      reading, see `_dragino`; every 20 min by default

Calibration: none. The thresholds belong to the installation.

Sources: chirpstack/lorawan-device-profiles vendors/dragino ldds75.js. (The codec of TheThingsNetwork/lorawan-devices
returns the battery as the distance.)
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import DISTANCE, DOWNLINKS, reading
from decoders._refusals import unfit

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDDS75",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDDS75."""
    if frame.port == 2 and len(frame.payload) == 8:
        return reading(frame.payload)
    raise unfit(frame, DEVICE)
