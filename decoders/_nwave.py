"""The fields that all G4 sensors of Nwave send: battery, temperature, reset cause, duration of the previous state."""

from datetime import datetime, timedelta
from typing import Final

from decoders import Measured, Occupancy, Reading
from decoders.measuring import number

G4_RESETS: Final = {1: "restarted by its watchdog", 6: "restarted after a brown-out"}
"""Causes of a start-up that are faults. All causes: 0 rejoined, 1 watchdog, 2 power, 3 user, 6 brown-out, 7 other."""


VOLTS: Final = Measured(lowest=2.5, highest=3.52)
"""All that a byte can carry."""
CELSIUS: Final = Measured(lowest=-40, highest=85)
"""The operating range of the sensors: TheThingsNetwork/lorawan-devices vendor/nwave nps405sm.yaml."""


def volts(code: int) -> float:
    """Return the battery voltage in V: 2.5 V and 4 mV for each step."""
    return (2500 + 4 * code) / 1000


def celsius(code: int) -> float | None:
    """Return the temperature in °C, from an int8 that counts half degrees from 10 °C."""
    return number((code - 256 if code > 127 else code) / 2 + 10, CELSIUS)


def before(occupancy: Occupancy, code: int, received_at: datetime) -> tuple[Reading, ...]:
    """Return the previous state as a reading of the past, from its 7-bit duration.

    The device rounds the duration down (by up to 4 or 59 minutes; 127 is "11 hours or more"). So the previous state is
    true at the time of the returned reading.
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
