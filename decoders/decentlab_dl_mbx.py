"""Decentlab DL-MBX: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has two words: distance, mm, and the number of valid
samples. Without a valid sample there is no distance.

Calibration: none. The thresholds belong to the installation.

Source: TheThingsNetwork/lorawan-devices vendor/decentlab dl-mbx.js.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._decentlab import blocks, distance

DISTANCE: Final = Measured(lowest=300, highest=10_000, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="Decentlab", model="DL-MBX", ports=(), measures_distance=True, measures={"distance_mm": DISTANCE}
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-MBX."""
    sensor, volts = blocks(frame.payload, words=2)
    millimetres, fault = distance(sensor[0], sensor[1], DISTANCE) if sensor else (None, None)
    return Reading(distance_mm=millimetres, battery_volts=volts, fault=fault)
