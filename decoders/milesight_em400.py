"""Milesight EM400: ultrasonic (MUD, UDL) or laser (TLD), with an accelerometer.

It measures a distance. The thresholds of the installation turn it into an occupancy. In the working mode "parking" (MUD,
TLD) it measures every 20 s and reports every 18 h without a change. In the standard mode it reports every 10 min.

    port       message
    85         items. If the port is changed in the device, set the option `port` of the installation as well

    item       value
    01 75      battery, %
    03 67      temperature, 0.1 °C, int16
    04 82      distance, mm, uint16; 65000 (E8 FD): out of range or tilted; 0 and FFFF are none
    05 00      position: 0 as mounted, 1 tilted: the distance is none
    06 88      location (NB-IoT only): latitude, longitude, motion; 9 bytes
    83 67      temperature, then 1 if it changed abruptly
    84 82      distance, then 1 beyond the alarm's threshold, 0 within it again
    88 00      1: the device was moved (TLD): the distance is none
    FE … FF …  settings and versions, see `_milesight`

    model      range of the distance
    MUD        30 to 4,500 mm
    TLD        50 to 3,500 mm: 2 m by its data sheet, but its published frames have more
    UDL        250 to 10,000 mm, by the probe

Numbers are little-endian. The bare name accepts the ranges of all three models. An alarm close to a report is merged with it. The later distance in the frame is newer.

Calibration: none. The thresholds belong to the installation. The height above the floor can be set in the sensor.

    downlink on port 85  what it sets
    FF 71                working mode: 00 standard, 01 bin, 02 parking (MUD, TLD)
    FF 03                seconds between reports, uint16, 60 to 64800
    FF 02                seconds between measurements, uint16
    FF 06                alarm: condition, 1 byte, lowest and highest, uint16 each, and 4 bytes
    FF 13, FF 77         FF 13 whether the height is used; FF 77 the height

Sources: Milesight-IoT/SensorDecoders em-series/em400-mud, em400-tld, em400-udl; Milesight's user guides and data sheets. The
value 65000 is known from the field.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from decoders import Device, Frame, Measured, Reading
from decoders._items import Fields, Item
from decoders._milesight import CELSIUS, COMMON, DOWNLINKS, PORT, distance, position, read, temperature
from decoders.measuring import OUT_OF_RANGE

NO_DISTANCE: Final = (0, 65_000, 0xFFFF)
DISTANCES: Final = {
    "mud": Measured(lowest=30, highest=4500, errors=NO_DISTANCE),
    "tld": Measured(lowest=50, highest=3500, errors=NO_DISTANCE),
    "udl": Measured(lowest=250, highest=10_000, errors=NO_DISTANCE),
    "any": Measured(lowest=30, highest=10_000, errors=NO_DISTANCE),
}
FAULTS: Final[Mapping[float, str]] = {65_000: OUT_OF_RANGE}

DEVICE: Final = Device(
    vendor="Milesight",
    model="EM400-MUD, EM400-TLD, EM400-UDL",
    ports=(PORT,),
    heartbeat=timedelta(hours=18),  # in the mode for parking; the other mode reports more often
    measures_distance=True,
    measures={"distance_mm": DISTANCES["any"], "temperature_celsius": CELSIUS},
    lines={
        "milesight_em400_mud": {"model": "mud"},
        "milesight_em400_tld": {"model": "tld"},
        "milesight_em400_udl": {"model": "udl"},
    },
)
COMMANDS: Final = DOWNLINKS


def decode(frame: Frame, *, port: int = PORT, model: Literal["any", "mud", "tld", "udl"] = "any") -> Reading:
    """Read one frame of an EM400."""
    return read(frame, ITEMS[model], port=port)


def _moved(value: bytes) -> Fields:
    return {"tamper": True} if value[0] == 1 else {}


OTHERS: Final = {
    **COMMON,
    b"\x03\x67": Item(2, temperature),
    b"\x05\x00": Item(1, position),
    b"\x06\x88": Item(9),
    b"\x83\x67": Item(3, temperature),
    b"\x88\x00": Item(1, _moved),
}
ITEMS: Final[Mapping[str, Mapping[bytes, Item]]] = {
    model: {
        **OTHERS,
        b"\x04\x82": Item(2, distance(measured, FAULTS)),
        b"\x84\x82": Item(3, distance(measured, FAULTS)),
    }
    for model, measured in DISTANCES.items()
}
