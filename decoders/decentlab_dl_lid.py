"""Decentlab DL-LID: laser.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has eleven words: distances, mm (average, lowest, highest,
median, percentiles 10, 25, 75 and 90, most frequent), the number of samples and their duration, 1/1.024 ms. The average is
the distance. Without a sample there is no distance.

Calibration: none. The thresholds belong to the installation.

Source: TheThingsNetwork/lorawan-devices vendor/decentlab dl-lid.js.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._decentlab import blocks, distance

DEVICE: Final = Device(vendor="Decentlab", model="DL-LID", ports=(), measures_distance=True)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-LID."""
    sensor, volts = blocks(frame.payload, words=11)
    return Reading(distance_mm=distance(sensor[0], sensor[9]) if sensor else None, battery_volts=volts)
