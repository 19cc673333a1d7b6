"""Decentlab DL-MBX: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has two words: distance, mm, and the number of valid
samples: of 15 readings the device discards the invalid ones.

It is built with a MaxBotix HRXL-MaxSonar-WR of 5 m or of 10 m, and the frame does not contain which. Its ultrasound measures
from 300 mm (the 10 m model from 500 mm) to 10,000 mm. Without an echo the 5 m model reports 5000 and the 10 m model 9999. So 5000 and 9999
are no echo, as are 0, FFFF and a distance without a valid sample. A 10 m model loses the one distance of exactly 5 m by this.

Calibration: none. The thresholds belong to the installation.

Source: TheThingsNetwork/lorawan-devices vendor/decentlab dl-mbx.js; Decentlab's DL-MBX datasheet; MaxBotix datasheet PD11500.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._decentlab import VOLTS, blocks, distance

DISTANCE: Final = Measured(lowest=300, highest=10_000, errors=(0, 5000, 9999, 0xFFFF))

DEVICE: Final = Device(
    vendor="Decentlab",
    model="DL-MBX",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-MBX."""
    sensor, volts = blocks(frame.payload, words=2)
    millimetres, fault = distance(sensor[0], sensor[1], DISTANCE) if sensor else (None, None)
    return Reading(distance_mm=millimetres, battery_volts=volts, fault=fault)
