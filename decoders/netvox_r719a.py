"""Netvox R719A and R719B: radar.

A report comes on change, at most every MinTime, and without a change every MaxTime (1,800 s in the vendor's example). Both
look the same.

    port  bytes  message
    6     11     report: 0 version 01, 1 device (59 R719A, AF R719B), 2 kind, then
                 kind 01, status:  3 battery, 0.1 V, bit 7: battery low; 4: 0 vacant, else occupied; 5-10 reserved
                 kind 00, version: 3 software, 4 hardware, 5-8 date
    7     11     answer: 0 command (81 and 82 settings, 83 and 84 threshold), 1 device, then the values

Calibration: none. The vendor advises against another threshold.

    downlink on port 7  11 bytes, filled with zeros
    01 59               sets MinTime and MaxTime, s, uint16 each, and the change of the battery that is reported, 0.1 V
    02 59               reads these settings
    03 59, 04 59        03 sets the threshold; 04 reads it

Sources: TheThingsNetwork/lorawan-devices vendor/netvox r719a.js; thingsboard/data-converters Netvox R719A.
"""

from typing import Final

from decoders import Device, Frame, Occupancy, Reading, Undecodable
from decoders._refusals import unfit

DEVICE: Final = Device(vendor="Netvox", model="R719A, R719B", ports=(6, 7))

MODELS: Final = (0x59, 0xAF)
ANSWERS: Final = (0x81, 0x82, 0x83, 0x84)


def decode(frame: Frame) -> Reading:
    """Read one frame of an R719."""
    payload = frame.payload
    if frame.port not in DEVICE.ports or len(payload) != 11:
        raise unfit(frame, DEVICE)
    if payload[1] not in MODELS:
        raise Undecodable(f"byte 1: {payload[1]:#04x} is neither R719A nor R719B")
    if frame.port == 7:
        return _answer(payload)
    if payload[0] != 1:
        raise Undecodable(f"byte 0: version {payload[0]} is unknown")
    match payload[2]:
        case 0:
            return Reading()
        case 1:
            return _status(payload)
    raise Undecodable(f"byte 2: a report of kind {payload[2]:#04x} is unknown")


def _status(payload: bytes) -> Reading:
    return Reading(
        occupancy=Occupancy.OCCUPIED if payload[4] else Occupancy.VACANT,
        battery_volts=(payload[3] & 0x7F) / 10,
        fault="battery low" if payload[3] & 0x80 else None,
    )


def _answer(payload: bytes) -> Reading:
    if payload[0] not in ANSWERS:
        raise Undecodable(f"byte 0: {payload[0]:#04x} is no answer")
    return Reading()
