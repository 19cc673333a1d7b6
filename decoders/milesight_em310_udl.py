"""Milesight EM310-UDL: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port       message
    85         items. If the port is changed in the device, set the option `port` of the installation as well

    item       value
    01 75      battery, %
    03 82      distance, mm, uint16; 0 and FFFF are none
    04 00      position: 0 as mounted, 1 tilted
    FE … FF …  settings and versions, see `_milesight`

Numbers are little-endian.

Calibration: none. The thresholds belong to the installation.

    downlink on port 85  what it sets
    FF 03                seconds between reports, uint16
    FF 02                seconds between measurements, uint16
    FF 06                alarm: condition, 1 byte, lowest and highest, uint16 each, and 4 bytes
    FF 10 FF             restart

Source: Milesight-IoT/SensorDecoders em-series/em310-udl.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._items import Item
from decoders._milesight import COMMON, DOWNLINKS, PORT, distance, position, read

DISTANCE: Final = Measured(lowest=30, highest=4_500, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM310-UDL",
    ports=(PORT,),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)

ITEMS: Final = {
    **COMMON,
    b"\x03\x82": Item(2, distance(DISTANCE)),
    b"\x04\x00": Item(1, position),
}
COMMANDS: Final = DOWNLINKS


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of an EM310-UDL."""
    return read(frame, ITEMS, port=port)
