"""Netvox R718PE: ultrasonic, mounted on top of a container.

It measures a distance. The thresholds of the installation turn it into an occupancy. A report comes on change, at most every
MinTime, and without a change every MaxTime. The frames are described in `_netvox`.

    port  message
    6     report of device B1. Status: 3 battery; 4: 1 if the distance is below the device's own threshold; 5-6 distance, mm;
          7 filling of the container, %; 8-10 zero
    7     answer: command 81 and 82 settings, 83 and 84 threshold of the device, 85 and 86 distance of a full container,
          8B and 8C dead zone

Numbers are big-endian. A distance of 0 or FFFF is none. The range was not found in a published source, and the nearest distance is a
setting of the device (its dead zone), so other values are not checked.

Calibration: none. The thresholds belong to the installation: the device's own threshold serves its alarm, and is no occupancy.

    downlink on port 7  11 bytes, filled with zeros
    01 B1               sets MinTime and MaxTime, s, uint16 each, the change of the battery that is reported, 0.1 V, and that of
                        the distance, mm, uint16
    02 B1               reads these settings
    0B B1, 0C B1        0B sets the dead zone, mm, uint16; 0C reads it

Sources: TheThingsNetwork/lorawan-devices vendor/netvox r718pe-codec.yaml and r718x.js; user manual of the R718PE, 5.1 and 5.2.
"""

from typing import Final

from decoders import Device, Frame, Reading, measuring
from decoders._netvox import VOLTS, battery_fault, distance_range, status, volts

DISTANCE: Final = distance_range()

DEVICE: Final = Device(
    vendor="Netvox",
    model="R718PE",
    ports=(6, 7),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS},
)

MODELS: Final = (0xB1,)
ANSWERS: Final = (0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x8B, 0x8C)


def decode(frame: Frame) -> Reading:
    """Read one frame of an R718PE."""
    payload = status(frame, DEVICE, MODELS, ANSWERS)
    if payload is None:
        return Reading()
    millimetres, fault = measuring.distance(int.from_bytes(payload[5:7]), DISTANCE)
    return Reading(
        distance_mm=millimetres,
        battery_volts=volts(payload),
        fault=measuring.faults(fault, battery_fault(payload)),
    )
