"""Decentlab DL-LID2: laser, with the number of its valid samples.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has twelve words: distances, mm (average, lowest, highest,
median, percentiles 10, 25, 75 and 90, most frequent), the number of valid samples, their duration, 1/1.024 ms, and the number
of all samples. The average is the distance.

A distance of 0 or FFFF, or without a valid sample, is no echo; one below 50 mm or above 40 m is out of range. The frame has no
signal strength, and no error values are published.

Calibration: none. The thresholds belong to the installation.

Source: decentlab/decentlab-decoders DL-LID2.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._decentlab import LASER, VOLTS, blocks, distance

DEVICE: Final = Device(
    vendor="Decentlab",
    model="DL-LID2",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": LASER, "battery_volts": VOLTS},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-LID2."""
    sensor, volts = blocks(frame.payload, words=12)
    millimetres, fault = distance(sensor[0], sensor[9], LASER) if sensor else (None, None)
    return Reading(distance_mm=millimetres, battery_volts=volts, fault=fault)
