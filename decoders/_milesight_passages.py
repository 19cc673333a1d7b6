"""The items of the people counters of Milesight that count at one passage. The frame is described in `_milesight_counting`.

    item      value
    01 75     battery, %
    03 67     temperature, int16, 0.1 °C
    04 CC     totals in and out, uint16 each. They begin again at 0 at a set hour, or by a downlink
    05 CC     in and out of the last period, uint16 each: they are no totals
    0A EF     time of the measurement, seconds since 1970, uint32
    83 67     temperature, and an alarm (00 over, 01 over the threshold, 03 too hot, 04 no longer)
    84 CC     totals, and an alarm
    85 CC     the last period, and an alarm
    20 CE     a stored reading: time; 00 and the period, or 01, the period and the totals

A battery of more than 100 % is none. The range of the temperature is not published; below -40 and above 125 °C, where no
sensor of silicon measures, it is none. Periods, alarms and settings are not part of a reading.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Measured, measuring
from decoders._items import Fields, Item
from decoders._milesight import battery
from decoders._milesight_counting import moment, settings, totals

CELSIUS: Final = Measured(lowest=-40, highest=125)
PERCENT: Final = Measured(lowest=0, highest=100)


def temperature(value: bytes) -> Fields:
    """Read a temperature, int16, 0.1 °C. The byte of an alarm behind it is ignored."""
    celsius = int.from_bytes(value[:2], "little", signed=True) / 10
    return {"temperature_celsius": measuring.number(celsius, CELSIUS)}


def _stored_totals(value: bytes) -> Fields:
    return totals(value[4:])


STORED: Final[Mapping[int, Item]] = {0: Item(4), 1: Item(8, _stored_totals)}
_SETTINGS: Final = {
    **dict.fromkeys([0x41, 0x6B, 0x97, 0xAD, 0xEC, 0xFC, 0xFD], 1),
    **dict.fromkeys([0x8F, 0xA7], 2),
    **dict.fromkeys([0x05, 0xED, 0xEF], 3),
    0xAC: 5,
    0x75: 6,
}
_NEWER: Final = {
    **dict.fromkeys([0x10, 0x86, 0x87, 0x8B, 0x8C, 0xA2, 0xA3], 1),
    0x85: 2,
    0x8D: 4,
}
PASSAGE: Final[Mapping[bytes, Item]] = {
    **settings(_SETTINGS, _NEWER),
    b"\x01\x75": Item(1, battery),
    b"\x03\x67": Item(2, temperature),
    b"\x04\xcc": Item(4, totals),
    b"\x05\xcc": Item(4),
    b"\x0a\xef": Item(4, moment),
    b"\x83\x67": Item(3, temperature),
    b"\x84\xcc": Item(5, totals),
    b"\x85\xcc": Item(5),
}
"""The items of the VS350 and the VS351."""
