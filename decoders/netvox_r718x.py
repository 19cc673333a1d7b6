"""Netvox R718X: ultrasonic, in the lid of a container, with a thermometer.

It measures a distance. The thresholds of the installation turn it into an occupancy. A report comes on change, at most every
MinTime, and without a change every MaxTime. The frames are described in `_netvox`.

    port  message
    6     report of device 34. Status: 3 battery; 4: 1 if the distance is below the device's own threshold; 5-6 distance, mm;
          7-8 temperature, 0.1 °C, int16; 9 filling of the container, %; 10 angle of inclination, °
    7     answer: command 81 and 82 settings, 83 and 84 threshold of the device, 85 and 86 distance of a full container,
          8B and 8C dead zone

Numbers are big-endian. A distance of 0 or FFFF is none. The range was not found in a published source, and the nearest distance is a
setting of the device (its dead zone), so other values are not checked. A temperature beyond
-40 to 125 °C is none.

A device that is tilted by 45° or more has no distance: the vendor's tilt sensor R313K calls this angle tipped, and nothing is
published for this device. Set the option `tilted_from` of a device that is mounted at an angle; 181 is never tilted.

Calibration: none. The thresholds belong to the installation: the device's own threshold serves its alarm, and is no occupancy.

    downlink on port 7  11 bytes, filled with zeros
    01 34               sets MinTime and MaxTime, s, uint16 each, the change of the battery that is reported, 0.1 V, and that of
                        the distance, mm, uint16, and that of the temperature, 0.1 °C, uint16
    02 34               reads these settings
    0B 34, 0C 34        0B sets the dead zone, mm, uint16; 0C reads it

Sources: TheThingsNetwork/lorawan-devices vendor/netvox r718x.js; user manual of the R313K, 1 (the angle).
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._netvox import VOLTS, battery_fault, distance_range, status, volts

DISTANCE: Final = distance_range()
CELSIUS: Final = Measured(lowest=-40, highest=125)

DEVICE: Final = Device(
    vendor="Netvox",
    model="R718X",
    ports=(6, 7),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

MODELS: Final = (0x34,)
ANSWERS: Final = (0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x8B, 0x8C)


def decode(frame: Frame, *, tilted_from: int = 45) -> Reading:
    """Read one frame of an R718X."""
    payload = status(frame, DEVICE, MODELS, ANSWERS)
    if payload is None:
        return Reading()
    millimetres, fault = measuring.distance(int.from_bytes(payload[5:7]), DISTANCE)
    tilted = payload[10] >= tilted_from
    return Reading(
        distance_mm=None if tilted else millimetres,
        battery_volts=volts(payload),
        temperature_celsius=measuring.number(int.from_bytes(payload[7:9], signed=True) / 10, CELSIUS),
        fault=measuring.faults(fault, battery_fault(payload)),
        tamper=True if tilted else None,
    )
