"""Milesight EM411-RDL: radar.

It measures a distance. The thresholds of the installation turn it into an occupancy.

It sends the same items as the EM410-RDL: see `milesight_em410_rdl`.

Calibration and downlinks are also the same.

Source: Milesight-IoT/SensorDecoders em-series/em411-rdl.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._milesight import PORT, RADAR_CELSIUS, RADAR_DISTANCE, read_radar

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM411-RDL",
    ports=(PORT,),
    measures_distance=True,
    measures={"distance_mm": RADAR_DISTANCE, "temperature_celsius": RADAR_CELSIUS},
)


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of an EM411-RDL."""
    return read_radar(frame, port=port)
