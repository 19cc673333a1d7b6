"""The messages that all ax sensors of adnexo send.

    port           message
    1              echo of a downlink
    2              restarted
    3              settings accepted
    4              settings, each a type and a value: 04 interval, s, uint32; 05 measurements per transmission; 06 interval
                   of joins, s, uint32; 07 reed contact
    5              a downlink was refused
    100, 101, 102  measurement: 100 regular, 101 a threshold was crossed, 102 by hand

Numbers are little-endian.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Frame, Measured, Reading, Undecodable, measuring
from decoders._items import Item
from decoders._items import read as read_items
from decoders.measuring import number

MEASUREMENTS: Final = (100, 101, 102)

SETTINGS: Final[Mapping[bytes, Item]] = {
    b"\x04": Item(4),  # interval, s
    b"\x05": Item(1),  # measurements per transmission
    b"\x06": Item(4),  # interval of joins, s
    b"\x07": Item(1),  # reed contact
}


def downlink_answer(frame: Frame, settings: Mapping[bytes, Item]) -> Reading:
    """Read a message on ports 1 to 5: answers to downlinks, and restarts. `settings` are those of the device."""
    if not frame.payload:
        raise Undecodable("the payload is empty")
    return read_items(frame.payload, settings, width=1) if frame.port == 4 else Reading()


def distance(word: bytes, measured: Measured) -> tuple[int | None, str | None]:
    """Return a distance in mm, from uint16, or None and its fault."""
    return measuring.distance(int.from_bytes(word, "little"), measured)


CELSIUS: Final = Measured(lowest=-40, highest=85, errors=(-3276.8,))
VOLTS: Final = Measured(lowest=1.5, highest=5)
"""Bounds that no battery of these sensors exceeds: 2.1 V is empty, and 3.1 V is full."""


def celsius(word: bytes) -> float | None:
    """Return a temperature in °C, from int16 in 0.1 °C; 8000 is none."""
    return number(int.from_bytes(word, "little", signed=True) / 10, CELSIUS)


def volts(word: bytes) -> float | None:
    """Return a battery voltage in V, from uint16 in mV."""
    return number(int.from_bytes(word, "little") / 1000, VOLTS)
