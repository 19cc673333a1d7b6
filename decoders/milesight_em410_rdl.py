"""Milesight EM410-RDL: radar.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port       message
    85         items. If the port is changed in the device, set the option `port` of the installation as well

    item       value
    01 75      battery, %
    03 67      temperature, 0.1 °C, int16; FFFE switched off, FFFF failed
    04 82      distance, mm, int16; 0 and less are none: too near, or FFFD no target, FFFE switched off, FFFF failed
    05 00      position: 0 as mounted, 1 tilted: the distance is none
    06 C7      strength of the signal, int16, 0.01
    84 82      distance, then 1 beyond the alarm's threshold, 0 within it again, 2 an abrupt change
    94 82      distance, change, int16, then the same
    B4 82      distance, then its fault: 0 none any more, 1 too near, 2 no target, 3 failed
    20 CE      a stored reading, sent again after the link was lost: seconds since 1970, uint32; distance, as above;
               temperature, int16 (FFFE switched off, FFFF failed); change, int16; events: bit 0 threshold, 1 within it again,
               2 too near, 3 no longer, 4 abrupt change, 5 tilted
    FE … FF …  settings and versions, see `_milesight`; also F8 … and F9 …

Numbers are little-endian. A distance with a fault is none. Its range is a setting of the sensor, 20 m at most.

Calibration: downlinks calibrate the radar, its blind zone, and the distance. The thresholds belong to the installation.

    downlink on port 85  what it sets
    FF 8E                minutes between reports
    FF 69                01: readings are stored and sent again after the link was lost
    FF AB                whether the distance is corrected, 1 byte, and by how much, int16

Source: Milesight-IoT/SensorDecoders em-series/em410-rdl.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._milesight import PORT, RADAR_CELSIUS, RADAR_DISTANCE, read_radar

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM410-RDL",
    ports=(PORT,),
    measures_distance=True,
    measures={"distance_mm": RADAR_DISTANCE, "temperature_celsius": RADAR_CELSIUS},
)


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of an EM410-RDL."""
    return read_radar(frame, port=port)
