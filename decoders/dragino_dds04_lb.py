"""Dragino DDS04-LB and DDS04-LS: ultrasonic, with four probes.

It measures four distances: probe 1 is channel 1, and so on. The thresholds of an installation turn the distance of its channel
into an occupancy.

    port  bytes  message
    2     11     reading, every 20 min by default
    3     11 n   stored readings of the probes 1 to 3, with the device's time
    5     7      status, see `_dragino`

    reading      value
    0-1          battery, low 14 bits, mV; bit 14: sent because of an interrupt, bit 15: level of its pin
    2-3 … 8-9    distances of the probes 1 to 4, mm; 0: no probe, 20: beyond the range, FFFF: no echo
    10           1: a reading, 2: an answer to a downlink

    stored       value
    0            flags: 0 interrupt, 1 level of its pin, 6 polled, 7 never acknowledged
    1-2 … 5-6    distances of the probes 1 to 3, as above
    7-10         seconds since 1970

Numbers are big-endian. The battery is no measurement where `_dragino` says so. An answer to a downlink that begins with 03 contains
no measurement.

The probes have several ranges, and the frame does not contain which probe is connected. So the range is that of all together: 30 mm
(as the DDS45) to 15,000 mm (probe A16-15).

Calibration: none. The thresholds belong to the installations.

Sources: dragino/dragino-end-node-decoder DDS04-LB; the vendor's page on the probes A16-15.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._clock import unix_time
from decoders._dragino import DOWNLINKS, VOLTS, four_probes, probes, status, stored_records, ultrasonic
from decoders._refusals import unfit

DISTANCE: Final = ultrasonic(30, 15_000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="DDS04-LB, DDS04-LS",
    ports=(2, 3, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS},
    channels=(1, 2, 3, 4),
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of a DDS04-LB."""
    match frame.port, len(frame.payload):
        case 2, 11:
            return four_probes(frame.payload, DISTANCE)
        case 3, _:
            return Reading(past=tuple(one for record in stored_records(frame.payload) if (one := _stored(record))))
        case 5, 7:
            return status(frame.payload)
    raise unfit(frame, DEVICE)


def _stored(record: bytes) -> Reading | None:
    at = unix_time(int.from_bytes(record[7:]))
    return None if at is None else Reading(at=at, channels=probes(record[1:7], DISTANCE))
