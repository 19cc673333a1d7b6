"""Dragino LDS12-LB and LDS12-LS: laser, 12 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message
    2     11     reading: 0-1 battery, low 14 bits, mV; 2-3 temperature of a probe, 0.1 °C, int16; 4-5 distance, mm (0 and
                 FFFF: none); 6-7 strength of the signal; 8 bit 0 interrupt, bit 1 its level; 9 temperature of the laser,
                 int8; 10 kind of message. Every 20 min by default
    3     11 n   stored readings: 0 bit 7 never acknowledged, bit 1 level, bit 0 interrupt; 1 reserved; 2-3 distance;
                 4-5 strength; 6 temperature of the laser; 7-10 seconds since 1970
    5     7      status: 5-6 battery, mV

Numbers are big-endian. The vendor prints the distance in cm.

Calibration: none. The thresholds belong to the installation. Downlinks on port 1: `01` and the seconds between readings,
uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.

Source: dragino/dragino-end-node-decoder LDS12-LB.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._clock import unix_time
from decoders._dragino import DOWNLINKS, celsius, status, stored_records, volts
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=100, highest=12_000, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDS12-LB, LDS12-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDS12-LB."""
    payload = frame.payload
    match frame.port, len(payload):
        case 2, 11:
            millimetres, fault = _distance(payload[4:6])
            return Reading(
                battery_volts=volts(payload),
                temperature_celsius=celsius(payload[2:4]),
                distance_mm=millimetres,
                fault=fault,
            )
        case 3, _:
            return Reading(past=tuple(one for record in stored_records(payload) if (one := _stored(record))))
        case 5, 7:
            return status(payload)
    raise unfit(frame, DEVICE)


def _stored(record: bytes) -> Reading | None:
    at = unix_time(int.from_bytes(record[7:]))
    if at is None:
        return None
    millimetres, fault = _distance(record[2:4])
    return Reading(at=at, distance_mm=millimetres, fault=fault)


def _distance(word: bytes) -> tuple[int | None, str | None]:
    return measuring.distance(int.from_bytes(word), DISTANCE)
