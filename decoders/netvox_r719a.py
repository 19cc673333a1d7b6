"""Netvox R719A and R719B: radar.

A report comes on change, at most every MinTime, and without a change every MaxTime (1,800 s in the vendor's example). Both
look the same. The frames are described in `_netvox`.

    port  message
    6     report of device 59 (R719A) or AF (R719B). Status: 3 battery; 4: 0 vacant, else occupied; 5-10 reserved
    7     answer: command 81 and 82 settings, 83 and 84 threshold

Calibration: none. The vendor advises against another threshold.

    downlink on port 7  11 bytes, filled with zeros
    01 59               sets MinTime and MaxTime, s, uint16 each, and the change of the battery that is reported, 0.1 V
    02 59               reads these settings
    03 59, 04 59        03 sets the threshold; 04 reads it

Sources: TheThingsNetwork/lorawan-devices vendor/netvox r719a.js; thingsboard/data-converters Netvox R719A.
"""

from typing import Final

from decoders import Device, Frame, Occupancy, Reading
from decoders._netvox import VOLTS, battery_fault, status, volts

DEVICE: Final = Device(vendor="Netvox", model="R719A, R719B", ports=(6, 7), measures={"battery_volts": VOLTS})

MODELS: Final = (0x59, 0xAF)
ANSWERS: Final = (0x81, 0x82, 0x83, 0x84)


def decode(frame: Frame) -> Reading:
    """Read one frame of an R719."""
    payload = status(frame, DEVICE, MODELS, ANSWERS)
    if payload is None:
        return Reading()
    return Reading(
        occupancy=Occupancy.OCCUPIED if payload[4] else Occupancy.VACANT,
        battery_volts=volts(payload),
        fault=battery_fault(payload),
    )
