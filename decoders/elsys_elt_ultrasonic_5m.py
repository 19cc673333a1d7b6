"""ELSYS ELT Ultrasonic 5m: ultrasonic, 5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy. The frame is described in `_elsys`.

The sensor is MaxBotix's of 5 m. It sends at least 300 and, without an echo, 5,000.

Calibration: none. The thresholds belong to the installation. Downlinks: none published.

Sources: akenza-io/device-type-library types/elsys/elt-2-ultrasonic; data sheet of the MaxBotix HRXL-MaxSonar-WR (range, no
echo).
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._elsys import items, measures, read

DISTANCE: Final = Measured(lowest=300, highest=4_999, errors=(0, 5_000, 0xFFFF))

DEVICE: Final = Device(
    vendor="ELSYS",
    model="ELT Ultrasonic 5m",
    ports=(),
    measures_distance=True,
    measures=measures(DISTANCE),
)

ITEMS: Final = items(DISTANCE)


def decode(frame: Frame) -> Reading:
    """Read one frame of an ELT Ultrasonic 5m."""
    return read(frame.payload, ITEMS)
