"""Nwave NPS310SM (G3): magnetometer and proximity.

A status is sent on change only, about 3 s after the surroundings are calm. It is confirmed, so it may come twice. Battery and
temperature are not reported. After a heartbeat without an answer the sensor joins again.

    port  bytes  message
    1     1      status     bit 0: 1 occupied, 0 vacant
    2     1      heartbeat  the same
    3     5      start-up   0-2 firmware, 3 cause (1 watchdog, 2 power, 3 user, 4 brown-out, 5 other), 4 the status
    6     2-     debug      0-1 code, big-endian, then its parameters

Calibration: with the vendor's app, while the space is vacant. The first calibration switches the sensor on. Downlinks: none
published.

Sources: TheThingsNetwork/lorawan-devices vendor/nwave nps310sm.js; Nwave's Getting Started.
"""

from typing import Final

from decoders import Device, Frame, Occupancy, Reading
from decoders._refusals import unfit

DEVICE: Final = Device(vendor="Nwave", model="NPS310SM", ports=(1, 2, 3, 6))

RESETS: Final = {1: "restarted by its watchdog", 4: "restarted after a brown-out"}


def decode(frame: Frame) -> Reading:
    """Read one frame of an NPS310."""
    payload = frame.payload
    match frame.port, len(payload):
        case 1 | 2, 1:
            return Reading(occupancy=_occupancy(payload[0]))
        case 3, 5:
            return Reading(occupancy=_occupancy(payload[4]), fault=RESETS.get(payload[3]))
        case 6, size if size >= 2:
            return Reading()
    raise unfit(frame, DEVICE)


def _occupancy(status: int) -> Occupancy:
    return Occupancy.OCCUPIED if status & 1 else Occupancy.VACANT
