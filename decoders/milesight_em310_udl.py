"""Milesight EM310-UDL: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port       message
    85         items. If the port is changed in the device, set the option `port` of the installation as well

    item       value
    01 75      battery, %
    03 82      distance, mm, uint16: 30 to 4,500; 0 beyond that; FFFF failed. Nearer than 30 mm it is 30
    04 00      position: 0 as mounted, 1 tilted: the distance is none
    FE … FF …  settings and versions, see `_milesight`

Numbers are little-endian.

Calibration: none. The thresholds belong to the installation.

    downlink on port 85  what it sets
    FF 03                seconds between reports, uint16
    FF 02                seconds between measurements, uint16
    FF 06                alarm: condition, 1 byte, lowest and highest, uint16 each, and 4 bytes
    FF 10 FF             restart

Sources: Milesight-IoT/SensorDecoders em-series/em310-udl; the user guide for the range and the value 0.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._items import Item
from decoders._milesight import COMMON, DOWNLINKS, PORT, distance, position, read
from decoders.measuring import OUT_OF_RANGE, SENSOR_FAULT

DISTANCE: Final = Measured(lowest=30, highest=4_500, errors=(0, 0xFFFF))
FAULTS: Final[Mapping[float, str]] = {0: OUT_OF_RANGE, 0xFFFF: SENSOR_FAULT}

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM310-UDL",
    ports=(PORT,),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)

ITEMS: Final = {
    **COMMON,
    b"\x03\x82": Item(2, distance(DISTANCE, FAULTS)),
    b"\x04\x00": Item(1, position),
}
COMMANDS: Final = DOWNLINKS


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of an EM310-UDL."""
    return read(frame, ITEMS, port=port)
