"""The frames of Netvox's parking and distance sensors, 11 bytes each.

    port  byte
    6     0 version 01, 1 device, 2 kind of report: 00 version of the device (3 software, 4 hardware, 5-8 date), 01 status
    7     0 command, 1 device, then its values: the answer to a downlink

In a status, byte 3 is the battery, 0.1 V, with bit 7 set if it is low. A battery below 1.8 or above 4 V is no measurement: the cells
have 3.6 V.
"""

from collections.abc import Collection
from typing import Final

from decoders import Device, Frame, Measured, Undecodable, measuring
from decoders._refusals import unfit

SIZE: Final = 11
VOLTS: Final = Measured(lowest=1.8, highest=4)


def status(frame: Frame, device: Device, models: Collection[int], answers: Collection[int]) -> bytes | None:
    """Return the payload of a status; None for a version and for an answer. Raises `Undecodable`."""
    payload = frame.payload
    if frame.port not in device.ports or len(payload) != SIZE:
        raise unfit(frame, device)
    if payload[1] not in models:
        raise Undecodable(f"byte 1: {payload[1]:#04x} is no {device.model}")
    if frame.port == 7:
        if payload[0] not in answers:
            raise Undecodable(f"byte 0: {payload[0]:#04x} is no answer")
        return None
    if payload[0] != 1:
        raise Undecodable(f"byte 0: version {payload[0]} is unknown")
    match payload[2]:
        case 0:
            return None
        case 1:
            return payload
    raise Undecodable(f"byte 2: a report of kind {payload[2]:#04x} is unknown")


def distance_range() -> Measured:
    """Return the distances that a sensor measures whose range is not published."""
    return Measured(lowest=1, highest=0xFFFE, errors=(0, 0xFFFF))


def volts(payload: bytes) -> float | None:
    """Return the battery voltage of a status."""
    return measuring.number((payload[3] & 0x7F) / 10, VOLTS)


def battery_fault(payload: bytes) -> str | None:
    """Return the fault of a status with a low battery."""
    return "battery low" if payload[3] & 0x80 else None
