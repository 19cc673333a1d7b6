"""ELSYS ELT Distance Radar: radar.

It measures a distance. The thresholds of the installation turn it into an occupancy. The frame is described in `_elsys`.

The range of the radar was not found in a published source, so only 0 and FFFF are no distance.

Calibration: none. The thresholds belong to the installation. Downlinks: none published.

Source: akenza-io/device-type-library types/elsys/elt-2-radar.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._elsys import items, measures, read

DISTANCE: Final = Measured(lowest=1, highest=0xFFFE, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="ELSYS",
    model="ELT Distance Radar, ELT-2 Radar",
    ports=(),
    measures_distance=True,
    measures=measures(DISTANCE),
)

ITEMS: Final = items(DISTANCE)


def decode(frame: Frame) -> Reading:
    """Read one frame of an ELT with a radar."""
    return read(frame.payload, ITEMS)
