"""ELSYS ELT-2, ELT-2i, ELT Lite, ELT Ultrasonic and ELT Ultrasonic Snow: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy. The frame is described in `_elsys`.

The sensor is one of MaxBotix's, of 5 or of 10 m. It sends its smallest distance for a nearer object. Without an echo it sends 5,000
(5 m) or 9,999 (10 m). The frame does not contain which sensor it is, so both are no measurement. `elsys_elt_ultrasonic_5m` and
`elsys_elt_ultrasonic_10m` know their sensor. That of the snow model is not published.

Calibration: none. The thresholds belong to the installation. Downlinks: none published.

Sources: TheThingsNetwork/lorawan-devices vendor/elsys elsys.js; akenza-io/device-type-library types/elsys/elt-2-ultrasonic
and elt-2-ultrasonic-snow; data sheet of the MaxBotix HRXL-MaxSonar-WR (range, no echo).
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._elsys import items, measures, read

DISTANCE: Final = Measured(lowest=300, highest=9_998, errors=(0, 5_000, 9_999, 0xFFFF))

DEVICE: Final = Device(
    vendor="ELSYS",
    model="ELT-2, ELT-2i, ELT Lite, ELT Ultrasonic, ELT Ultrasonic Snow",
    ports=(),
    measures_distance=True,
    measures=measures(DISTANCE),
)

ITEMS: Final = items(DISTANCE)


def decode(frame: Frame) -> Reading:
    """Read one frame of an ELT."""
    return read(frame.payload, ITEMS)
