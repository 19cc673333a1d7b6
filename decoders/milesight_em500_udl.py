"""Milesight EM500-UDL: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port       message
    85         items. If the port is changed in the device, set the option `port` of the installation as well

    item       value
    01 75      battery, %
    03 82      distance, mm, uint16: 30 to 10,000, by the probe; FFFD out of range, FFFF failed
    20 CE      a stored reading, sent again after the link was lost: seconds since 1970, uint32, and a distance, as above
    83 E9      an abrupt change: distance and change, uint16 each, and 1 threshold or 2 change
    FE … FF …  settings and versions, see `_milesight`

Numbers are little-endian. The vendor's decoder divides the distance of 83 E9 by ten, but not that of 03 82. Its unit is
not clear, so 83 E9 gives no distance. Its error values are the same.

Calibration: none. The thresholds belong to the installation.

    downlink on port 85  what it sets
    FF 69, FF 6A         FF 69 whether readings are stored and sent again after the link was lost; FF 6A how fast
    FF 27                stored readings are deleted

Sources: Milesight-IoT/SensorDecoders em-series/em500-udl; the user guide of the EM500 series for FFFD and FFFF. Its nearest
published distance is 30 mm.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._items import Fields, Item
from decoders._milesight import COMMON, PORT, distance, history, read
from decoders.measuring import OUT_OF_RANGE, SENSOR_FAULT

DISTANCE: Final = Measured(lowest=30, highest=10_000, errors=(0, 0xFFFD, 0xFFFF))
FAULTS: Final[Mapping[float, str]] = {0xFFFD: OUT_OF_RANGE, 0xFFFF: SENSOR_FAULT}

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM500-UDL",
    ports=(PORT,),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)


def _abrupt(value: bytes) -> Fields:
    raw = int.from_bytes(value[:2], "little")
    return {"distance_mm": None, "fault": FAULTS[raw]} if raw in FAULTS else {}


ITEMS: Final = {
    **COMMON,
    b"\x03\x82": Item(2, distance(DISTANCE, FAULTS)),
    b"\x20\xce": Item(6, history(DISTANCE, FAULTS)),
    b"\x83\xe9": Item(5, _abrupt),
}


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of an EM500-UDL."""
    return read(frame, ITEMS, port=port)
