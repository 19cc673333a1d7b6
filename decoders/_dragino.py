"""The messages that all distance sensors of Dragino send. Numbers are big-endian.

    reading, port 2, 8 bytes
    0-1  battery, low 14 bits, mV
    2-3  distance, mm; 0: no sensor, 20: beyond the range, FFFF: none
    4    1: sent because of an interrupt
    5-6  temperature of a probe, 0.1 °C, int16; 0.0 if no probe is connected
    7    1: the sensor was found

    stored readings, port 3: records of 11 bytes, the answer to a poll
    0-1  battery, low 14 bits, mV
    2-3  distance, as above
    4-5  temperature, as above
    6    flags: 0 sensor found, 1 interrupt, 6 polled, 7 never acknowledged
    7-10 seconds since 1970

    status, port 5, 7 bytes
    0 model, 1-2 firmware, 3 band, 4 sub-band, 5-6 battery, mV

Downlinks on port 1: `01` and the seconds between readings, uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Command, Measured, Reading, Undecodable, measuring
from decoders._clock import unix_time
from decoders._commands import within

DISTANCE: Final = Measured(lowest=30, highest=7500, errors=(0, 20, 0xFFFF))
NO_SENSOR: Final[Mapping[float, str]] = {0: "no sensor"}


def reading(payload: bytes) -> Reading:
    """Read the 8 bytes of a reading."""
    millimetres, fault = distance(payload[2:4])
    return Reading(
        battery_volts=volts(payload),
        distance_mm=millimetres,
        temperature_celsius=celsius(payload[5:7]),
        fault=fault,
    )


def status(payload: bytes) -> Reading:
    """Read the 7 bytes of a status."""
    return Reading(battery_volts=volts(payload[5:]))


def stored(payload: bytes) -> Reading:
    """Read stored readings. All of them belong to the past."""
    return Reading(past=tuple(reading for record in stored_records(payload) if (reading := _stored(record))))


def stored_records(payload: bytes) -> list[bytes]:
    """Return the records of 11 bytes. Raises `Undecodable` for any other length."""
    if not payload or len(payload) % 11:
        raise Undecodable(f"stored readings are records of 11 bytes, not {len(payload)} bytes")
    return [payload[start : start + 11] for start in range(0, len(payload), 11)]


def volts(word: bytes) -> float:
    """Return the battery voltage of the first two bytes."""
    return (int.from_bytes(word[:2]) & 0x3FFF) / 1000


def distance(word: bytes) -> tuple[int | None, str | None]:
    """Return the distance in mm, or None and its fault."""
    return measuring.distance(int.from_bytes(word), DISTANCE, NO_SENSOR)


def celsius(word: bytes) -> float:
    """Return the temperature of two bytes."""
    return int.from_bytes(word, signed=True) / 10


def _stored(record: bytes) -> Reading | None:
    at = unix_time(int.from_bytes(record[7:11]))
    if at is None:
        return None
    millimetres, fault = distance(record[2:4])
    return Reading(
        at=at,
        battery_volts=volts(record),
        distance_mm=millimetres,
        temperature_celsius=celsius(record[4:6]),
        fault=fault,
    )


def _report_interval(*, seconds: int) -> tuple[int, bytes]:
    return 1, b"\x01" + within("seconds", seconds, 1, 0xFFFFFF).to_bytes(3)


def _restart() -> tuple[int, bytes]:
    return 1, b"\x04\xff"


DOWNLINKS: Final[Mapping[str, Command]] = {"report_interval": _report_interval, "restart": _restart}
"""The commands of all of them."""
