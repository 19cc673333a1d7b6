"""Dragino MDS120-LB and MDS120-LS: radar, 12 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default; a distance of 3FFF is none
    3     11 n   stored readings, with the device's time
    4     7      settings
    5     7      status

The range is 150 to 12,000 mm. The vendor's codec does not say which words of a stored reading are its distance and its temperature,
so it has the battery only.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder MDS120-LB; user manual of the MDS120-CB, which has the same radar (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._clock import unix_time
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, reading, status, stored_records, volts
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=150, highest=12_000, errors=(0, 0x3FFF, 0xFFFF))

DEVICE: Final = Device(
    vendor="Dragino",
    model="MDS120-LB, MDS120-LS",
    ports=(2, 3, 4, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an MDS120-LB."""
    match frame.port, len(frame.payload):
        case 2, 8:
            return reading(frame.payload, DISTANCE)
        case 3, _:
            times = ((unix_time(int.from_bytes(record[7:])), record) for record in stored_records(frame.payload))
            return Reading(past=tuple(Reading(at=at, battery_volts=volts(record)) for at, record in times if at))
        case 4, 7:
            return Reading()
        case 5, 7:
            return status(frame.payload)
    raise unfit(frame, DEVICE)
