"""Decentlab DL-LID: laser. It measures a distance; the installation says what of it is occupied.

The frame is that of `_decentlab`; the block of the sensor has eleven words: distances, mm (average, lowest, highest, median,
percentiles 10, 25, 75 and 90, most frequent), the number of samples and the time that they took, 1/1.024 ms. The average is
the distance; without a sample there is none.

Calibration: none; the thresholds are the installation's.

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
