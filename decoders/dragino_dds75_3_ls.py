"""Dragino DDS75-3-LS and DDS75-3-LB: ultrasonic, 7.5 m, with three sensors.

It measures three distances: sensor 1 is channel 1, and so on. The thresholds of an installation turn the distance of its
channel into an occupancy.

    port  bytes  message
    2     11     reading: 0-1 battery, low 14 bits, mV; 2-3 temperature of a probe, 0.1 °C, int16; 4-5, 6-7, 8-9 distances of
                 the sensors 1 to 3, mm; 10 low 4 bits interrupt, bit 4 the sensors were found. Every 20 min by default
    3     11 n   stored readings: 0-1, 2-3, 4-5 distances; 6 flags; 7-10 seconds since 1970
    5     7      status, see `_dragino`

Distances, the temperature and the battery are no measurement where `_dragino` says so. The range of a sensor is 280 to 7,500 mm,
as that of the DDS75-LB: a manual of this model was not found.

Calibration: none. The thresholds belong to the installations.

Source: dragino/dragino-end-node-decoder DDS75-LB, DDS75-3-LS.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._clock import unix_time
from decoders._dragino import (
    CELSIUS,
    DOWNLINKS,
    NO_SENSOR,
    VOLTS,
    celsius,
    probes,
    status,
    stored_records,
    ultrasonic,
    volts,
)
from decoders._refusals import unfit

DISTANCE: Final = ultrasonic(280, 7_500)

DEVICE: Final = Device(
    vendor="Dragino",
    model="DDS75-3-LS, DDS75-3-LB",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
    channels=(1, 2, 3),
)

COMMANDS: Final = DOWNLINKS

FOUND: Final = 0x10


def decode(frame: Frame) -> Reading:
    """Read one frame of a DDS75-3-LS."""
    match frame.port, len(frame.payload):
        case 2, 11:
            return _reading(frame.payload)
        case 3, _:
            return Reading(past=tuple(one for record in stored_records(frame.payload) if (one := _stored(record))))
        case 5, 7:
            return status(frame.payload)
    raise unfit(frame, DEVICE)


def _reading(payload: bytes) -> Reading:
    if payload[10] & FOUND:
        channels, fault = probes(payload[4:10], DISTANCE), None
    else:
        channels, fault = {number: Reading() for number in DEVICE.channels}, NO_SENSOR
    return Reading(
        battery_volts=volts(payload),
        temperature_celsius=celsius(payload[2:4]),
        fault=fault,
        channels=channels,
    )


def _stored(record: bytes) -> Reading | None:
    at = unix_time(int.from_bytes(record[7:]))
    return None if at is None else Reading(at=at, channels=probes(record[:6], DISTANCE))
