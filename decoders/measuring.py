"""From the value in a frame to a measurement, or to the reason why it is none.

A codec declares in `DEVICE.measures` which values of its sensors are measurements, and passes them through these functions,
so that a vendor's error value, or a value that the sensor cannot measure, never becomes a measurement.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Measured

NO_ECHO: Final = "no echo"
OUT_OF_RANGE: Final = "distance out of range"
TOO_WEAK: Final = "signal too weak"
TOO_NEAR: Final = "too near"
SENSOR_FAULT: Final = "sensor fault"

_NO_NAMES: Final[Mapping[float, str]] = {}


def distance(
    millimetres: int, measured: Measured, faults: Mapping[float, str] = _NO_NAMES
) -> tuple[int | None, str | None]:
    """Return the distance, or None and its fault. `faults` are the meanings of error values that do not mean "no echo"."""
    if millimetres in measured.errors:
        return None, faults.get(millimetres, NO_ECHO)
    if measured.lowest <= millimetres <= measured.highest:
        return millimetres, None
    return None, OUT_OF_RANGE


def number(value: float, measured: Measured) -> float | None:
    """Return a temperature, a voltage or another number; None for an error value and for one that cannot be measured."""
    if measured.lowest <= value <= measured.highest and value not in measured.errors:
        return value
    return None


def faults(*found: str | None) -> str | None:
    """Return the faults of a reading as its `fault`, each of them once, or None."""
    return ", ".join(dict.fromkeys(filter(None, found))) or None
