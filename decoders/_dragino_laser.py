"""The messages of Dragino's laser sensors. Numbers are big-endian; batteries and temperatures are as in `_dragino`.

    reading, port 2, 11 bytes
    0-1  battery, low 14 bits, mV
    2-3  temperature of a probe, 0.1 °C, int16; 7FFF: none is connected
    4-5  distance, mm (the vendor prints cm); 0 and FFFF: no echo
    6-7  strength of the signal
    8    bit 0: sent because of an interrupt, bit 1: level of its pin
    9    temperature of the laser, °C, int8
    10   kind of message: 1 a reading, 2 an answer to a downlink

    stored readings, port 3: records of 11 bytes, the answer to a poll
    0    flags: 0 interrupt, 1 level of its pin, 6 polled, 7 never acknowledged
    1    reserved
    2-3  distance
    4-5  strength
    6    temperature of the laser
    7-10 seconds since 1970

What is no measurement:

- a distance with a strength below 100 or of 65535: the vendor calls both unreliable
- a distance beyond the range of the sensor, at both ends
- all of an answer to a downlink, whose battery would be below 1.03 V (first byte 03)
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._clock import unix_time
from decoders._dragino import ANSWER, celsius, status, stored_records, volts
from decoders._refusals import unfit

WEAKEST: Final = 100
"""The smallest strength of a signal that is reliable."""
OVEREXPOSED: Final = 0xFFFF


def laser(lowest: int, highest: int) -> Measured:
    """Return the distances that a laser sensor measures, with the error values of all of them."""
    return Measured(lowest=lowest, highest=highest, errors=(0, 0xFFFF))


def battery_series(frame: Frame, device: Device) -> Reading:
    """Read one frame of the series LB and LS: a reading, stored readings or a status."""
    range_mm = device.measures["distance_mm"]
    match frame.port, len(frame.payload):
        case 2, 11:
            return reading(frame.payload, range_mm)
        case 3, _:
            return stored(frame.payload, range_mm)
        case 5, 7:
            return status(frame.payload)
    raise unfit(frame, device)


def first_series(frame: Frame, device: Device) -> Reading:
    """Read one frame of the series LLDS: a reading, or an answer to a downlink."""
    if frame.port != 2 or len(frame.payload) != 11:
        raise unfit(frame, device)
    if frame.payload[10] == ANSWER:
        return Reading()
    return reading(frame.payload, device.measures["distance_mm"])


def reading(payload: bytes, range_mm: Measured) -> Reading:
    """Read the 11 bytes of a reading, which may be an answer to a downlink instead."""
    if payload[0] == 3 and payload[10] == ANSWER:
        return Reading()
    millimetres, fault = _distance(payload[4:8], range_mm)
    return Reading(
        battery_volts=volts(payload),
        temperature_celsius=celsius(payload[2:4]),
        distance_mm=millimetres,
        fault=fault,
    )


def stored(payload: bytes, range_mm: Measured) -> Reading:
    """Read stored readings. All of them belong to the past."""
    records = stored_records(payload)
    return Reading(past=tuple(reading for record in records if (reading := _stored(record, range_mm))))


def _stored(record: bytes, range_mm: Measured) -> Reading | None:
    at = unix_time(int.from_bytes(record[7:]))
    if at is None:
        return None
    millimetres, fault = _distance(record[2:6], range_mm)
    return Reading(at=at, distance_mm=millimetres, fault=fault)


def _distance(words: bytes, range_mm: Measured) -> tuple[int | None, str | None]:
    """Return the distance of the first word, or None and its fault. The second word is the strength."""
    strength = int.from_bytes(words[2:])
    if strength < WEAKEST:
        return None, measuring.TOO_WEAK
    if strength == OVEREXPOSED:
        return None, "signal unreliable"
    return measuring.distance(int.from_bytes(words[:2]), range_mm)
