"""ELSYS ELT Ultrasonic Snow: ultrasonic, made for snow.

It measures a distance. The thresholds of the installation turn it into an occupancy. The frame is described in `_elsys`.

The sensor is one of MaxBotix's for snow, of 5 or of 10 m. It sends 500 for a nearer object. Without an echo it sends 5,000 or
9,999; which sensor is built in is not published, so both are no measurement.

Calibration: none. The thresholds belong to the installation. Downlinks: none published.

Sources: akenza-io/device-type-library types/elsys/elt-2-ultrasonic-snow; data sheet of the MaxBotix HRXL-MaxSonar-WRS (range).
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._elsys import items, measures
from decoders._items import read

DISTANCE: Final = Measured(lowest=500, highest=9_998, errors=(0, 5_000, 9_999, 0xFFFF))

DEVICE: Final = Device(
    vendor="ELSYS",
    model="ELT Ultrasonic Snow",
    ports=(),
    measures_distance=True,
    measures=measures(DISTANCE),
)

ITEMS: Final = items(DISTANCE)


def decode(frame: Frame) -> Reading:
    """Read one frame of an ELT Ultrasonic Snow."""
    return read(frame.payload, ITEMS, width=1)
