"""What Nwave's G4 sensors share: battery, temperature, reset causes, and how long the state before lasted."""

from datetime import datetime, timedelta
from typing import Final

from decoders import Occupancy, Reading

G4_RESETS: Final = {1: "restarted by its watchdog", 6: "restarted after a brown-out"}
"""Causes of a start-up that are no one's wish: of 0 rejoined, 1 watchdog, 2 power, 3 user, 6 brown-out, 7 other."""


def volts(code: int) -> float:
    """Return the battery voltage: 2.5 V and 4 mV for each step."""
    return (2500 + 4 * code) / 1000


def celsius(code: int) -> float:
    """Return the temperature of an int8 that counts half degrees from 10 °C."""
    return (code - 256 if code > 127 else code) / 2 + 10


def before(occupancy: Occupancy, code: int, received_at: datetime) -> tuple[Reading, ...]:
    """Return the state before as a reading of the past, from its 7-bit duration.

    The durations are rounded down (by up to 4 or 59 minutes, and 127 is "11 hours or more"), so that the state before
    held at that time in any case.
    """
    if code < 90:
        minutes = code
    elif code < 120:
        minutes = 90 + 5 * (code - 90)
    else:
        minutes = 240 + 60 * (code - 120)
    if not minutes:
        return ()
    other = Occupancy.VACANT if occupancy is Occupancy.OCCUPIED else Occupancy.OCCUPIED
    return (Reading(occupancy=other, at=received_at - timedelta(minutes=minutes)),)
