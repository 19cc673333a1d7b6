"""The messages of Dragino's distance sensors. Numbers are big-endian.

    reading, port 2, 8 bytes
    0-1  battery, low 14 bits, mV
    2-3  distance, mm; 0: no sensor, 20: beyond the range, FFFF: no echo
    4    1: sent because of an interrupt
    5-6  temperature of a probe, 0.1 °C, int16
    7    bit 0: the sensor was found

    stored readings, port 3: records of 11 bytes, the answer to a poll
    0-1  battery, mV
    2-3  distance, as above
    4-5  temperature, as above
    6    flags: 0 sensor found, 1 interrupt, 6 polled, 7 never acknowledged
    7-10 seconds since 1970

    status, port 5, 7 bytes
    0 model, 1-2 firmware, 3 band, 4 sub-band, 5-6 battery, mV

What is no measurement:

- a distance beyond the range of the sensor, at both ends. Since firmware 1.1.4 a device sends 20 for each distance below 20 mm.
- any distance, if the sensor was not found
- a temperature beyond -55 to 125 °C, which the probe DS18B20 measures. Without a probe, published frames have 0CCC (327.6 °C) or 0,
  which cannot be told from 0 °C. A vendor's codec names 7FFF, and another published one FFFF, so -0.1 °C is none either.
- a battery below 1.8 V, at which the device stops, or above 4.3 V, which a full cell of a solar model does not exceed

Downlinks on port 1: `01` and the seconds between readings, uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.
"""

import struct
from collections.abc import Mapping
from typing import Final

from decoders import Command, Device, Frame, Measured, Reading, Undecodable, measuring
from decoders._clock import unix_time
from decoders._commands import within
from decoders._refusals import unfit

NO_SENSOR: Final = "no sensor"

ANSWER: Final = 2
"""The kind of message of an answer to a downlink, where a message has a kind."""

CELSIUS: Final = Measured(lowest=-55, highest=125, errors=(-0.1,))
VOLTS: Final = Measured(lowest=1.8, highest=4.3)
_FAULTS: Final[Mapping[float, str]] = {0: NO_SENSOR, 20: measuring.OUT_OF_RANGE}


def ultrasonic(lowest: int, highest: int) -> Measured:
    """Return the distances that an ultrasonic sensor measures, with the error values of all of them."""
    return Measured(lowest=lowest, highest=highest, errors=(0, 20, 0xFFFF))


def battery_series(frame: Frame, device: Device) -> Reading:
    """Read one frame of the series LB and LS: a reading, stored readings or a status."""
    range_mm = device.measures["distance_mm"]
    match frame.port, len(frame.payload):
        case 2, 8:
            return reading(frame.payload, range_mm)
        case 3, _:
            return stored(frame.payload, range_mm)
        case 5, 7:
            return status(frame.payload)
    raise unfit(frame, device)


def first_series(frame: Frame, device: Device) -> Reading:
    """Read one frame of the series LDDS: a reading, which is shorter in firmware before 1.1.4."""
    range_mm = device.measures["distance_mm"]
    match frame.port, len(frame.payload):
        case 2, 8:
            return reading(frame.payload, range_mm)
        case 2, 5:
            return short_reading(frame.payload, range_mm)
    raise unfit(frame, device)


def reading(payload: bytes, range_mm: Measured) -> Reading:
    """Read the 8 bytes of a reading."""
    millimetres, fault = distance(payload[2:4], range_mm) if payload[7] & 1 else (None, NO_SENSOR)
    return Reading(
        battery_volts=volts(payload),
        distance_mm=millimetres,
        temperature_celsius=celsius(payload[5:7]),
        fault=fault,
    )


def short_reading(payload: bytes, range_mm: Measured) -> Reading:
    """Read the 5 bytes of a reading of firmware before 1.1.4: battery, distance, interrupt."""
    millimetres, fault = distance(payload[2:4], range_mm)
    return Reading(battery_volts=volts(payload), distance_mm=millimetres, fault=fault)


def status(payload: bytes) -> Reading:
    """Read the 7 bytes of a status."""
    return Reading(battery_volts=volts(payload[5:]))


def stored(payload: bytes, range_mm: Measured) -> Reading:
    """Read stored readings. All of them belong to the past."""
    records = stored_records(payload)
    return Reading(past=tuple(reading for record in records if (reading := _stored(record, range_mm))))


def stored_records(payload: bytes) -> list[bytes]:
    """Return the records of 11 bytes. Raises `Undecodable` for any other length."""
    if not payload or len(payload) % 11:
        raise Undecodable(f"stored readings are records of 11 bytes, not {len(payload)} bytes")
    return [payload[start : start + 11] for start in range(0, len(payload), 11)]


def volts(word: bytes) -> float | None:
    """Return the battery voltage of the first two bytes."""
    return measuring.number((int.from_bytes(word[:2]) & 0x3FFF) / 1000, VOLTS)


def distance(word: bytes, range_mm: Measured) -> tuple[int | None, str | None]:
    """Return the distance in mm, or None and its fault."""
    return measuring.distance(int.from_bytes(word), range_mm, _FAULTS)


def celsius(word: bytes) -> float | None:
    """Return the temperature of two bytes."""
    return measuring.number(int.from_bytes(word, signed=True) / 10, CELSIUS)


def four_probes(payload: bytes, range_mm: Measured) -> Reading:
    """Read the 11 bytes of a reading of four probes, which may be an answer to a downlink instead."""
    if payload[0] == 3 and payload[10] == ANSWER:
        return Reading()
    return Reading(battery_volts=volts(payload), channels=probes(payload[2:10], range_mm))


def probes(words: bytes, range_mm: Measured) -> dict[int, Reading]:
    """Return the readings of several sensors, whose distances follow each other. The first is channel 1."""
    distances = struct.unpack(f">{len(words) // 2}H", words)
    return {number: _probe(millimetres, range_mm) for number, millimetres in enumerate(distances, 1)}


def _probe(millimetres: int, range_mm: Measured) -> Reading:
    kept, fault = measuring.distance(millimetres, range_mm, _FAULTS)
    return Reading(distance_mm=kept, fault=fault)


def _stored(record: bytes, range_mm: Measured) -> Reading | None:
    at = unix_time(int.from_bytes(record[7:11]))
    if at is None:
        return None
    millimetres, fault = distance(record[2:4], range_mm) if record[6] & 1 else (None, NO_SENSOR)
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
