"""Decentlab DL-MBX: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has two words: distance, mm, and the number of valid
samples. Without a valid sample there is no distance.

Calibration: none. The thresholds belong to the installation.

Source: TheThingsNetwork/lorawan-devices vendor/decentlab dl-mbx.js.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._decentlab import blocks, distance

DEVICE: Final = Device(vendor="Decentlab", model="DL-MBX", ports=(), measures_distance=True)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-MBX."""
    sensor, volts = blocks(frame.payload, words=2)
    return Reading(distance_mm=distance(*sensor) if sensor else None, battery_volts=volts)
