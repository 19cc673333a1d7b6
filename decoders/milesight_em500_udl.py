"""Milesight EM500-UDL: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port       message
    85         items. If the port is changed in the device, set the option `port` of the installation as well

    item       value
    01 75      battery, %
    03 82      distance, mm, uint16; 0 and FFFF are none
    20 CE      a stored reading, sent again after the link was lost: seconds since 1970, uint32, and a distance, uint16
    83 E9      an abrupt change: distance and change, uint16 each, and 1 threshold or 2 change
    FE … FF …  settings and versions, see `_milesight`

Numbers are little-endian. The vendor's decoder divides the distance of 83 E9 by ten, but not that of 03 82. Its unit is
not clear, so 83 E9 gives no distance.

Calibration: none. The thresholds belong to the installation.

    downlink on port 85  what it sets
    FF 69, FF 6A         FF 69 whether readings are stored and sent again after the link was lost; FF 6A how fast
    FF 27                stored readings are deleted

Source: Milesight-IoT/SensorDecoders em-series/em500-udl.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._items import Item
from decoders._milesight import COMMON, PORT, distance, history, read

DISTANCE: Final = Measured(lowest=30, highest=10_000, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM500-UDL",
    ports=(PORT,),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)

ITEMS: Final = {
    **COMMON,
    b"\x03\x82": Item(2, distance(DISTANCE)),
    b"\x20\xce": Item(6, history(DISTANCE)),
    b"\x83\xe9": Item(5),
}


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of an EM500-UDL."""
    return read(frame, ITEMS, port=port)
