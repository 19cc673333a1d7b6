"""Decentlab DL-LID: laser.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has eleven words: distances, mm (average, lowest, highest,
median, percentiles 10, 25, 75 and 90, most frequent), the number of samples and their duration, 1/1.024 ms. The average is
the distance.

A distance of 0 or FFFF, or without a sample, is no echo; one below 50 mm or above 40 m is out of range. The frame has no
signal strength, and no error values are published.

Calibration: none. The thresholds belong to the installation.

Source: TheThingsNetwork/lorawan-devices vendor/decentlab dl-lid.js; decentlab/decentlab-decoders DL-LID.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._decentlab import LASER, VOLTS, blocks, distance

DEVICE: Final = Device(
    vendor="Decentlab",
    model="DL-LID",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": LASER, "battery_volts": VOLTS},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-LID."""
    sensor, volts = blocks(frame.payload, words=11)
    millimetres, fault = distance(sensor[0], sensor[9], LASER) if sensor else (None, None)
    return Reading(distance_mm=millimetres, battery_volts=volts, fault=fault)
