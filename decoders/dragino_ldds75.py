"""Dragino LDDS75: ultrasonic, 7.5 m. It measures a distance; the installation says what of it is occupied.

    port  bytes  message
    2     8      reading, as `_dragino` describes it, every 20 min by default

Calibration: none; the thresholds are the installation's.

Sources: chirpstack/lorawan-device-profiles vendors/dragino ldds75.js. (The codec of TheThingsNetwork/lorawan-devices gives
the battery as the distance.)
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import reading
from decoders._refusals import unfit

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDDS75",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
)


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDDS75."""
    if frame.port == 2 and len(frame.payload) == 8:
        return reading(frame.payload)
    raise unfit(frame, DEVICE)
