"""Nwave NCC405: counts cars with a magnetometer. It has no occupancy of a single space.

    port  bytes  message
    1     2      cars counted, uint16, wraps at 65536
    2     3      heartbeat: 0 hardware health, 1 battery, 2 its mean of 24 h, both 2500 + 4 x mV
    3     4      start-up: 0-2 firmware, 3 cause (0 rejoined, 1 watchdog, 2 power, 3 user, 6 brown-out, 7 other)
    6     2-     debug: 0-1 code, then its parameters

Numbers are big-endian. The meaning of the hardware health is not published; a published heartbeat has A8.

Calibration: with the vendor's app. Downlink on port 53: times of sending; the default is `0e 10 10 3c 20 28`.

Source: TheThingsNetwork/lorawan-devices vendor/nwave ncc405.js.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._nwave import G4_RESETS, VOLTS, volts
from decoders._refusals import unfit

DEVICE: Final = Device(vendor="Nwave", model="NCC405", ports=(1, 2, 3, 6), measures={"battery_volts": VOLTS})


def decode(frame: Frame) -> Reading:
    """Read one frame of an NCC405."""
    payload = frame.payload
    match frame.port, len(payload):
        case 1, 2:
            return Reading(counter=int.from_bytes(payload))
        case 2, 3:
            return Reading(battery_volts=volts(payload[1]))
        case 3, 4:
            return Reading(fault=G4_RESETS.get(payload[3]))
        case 6, size if size >= 2:
            return Reading()
    raise unfit(frame, DEVICE)
