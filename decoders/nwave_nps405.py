"""Nwave NPS405 SM and FM (G4): magnetometer and proximity.

THE TRAP: between two firmware versions the status moved from bit 7 to bit 0 on the same ports. The byte `01` is occupied in
one and vacant in the other, and no payload contains the version. Read the firmware version, or watch one car, and set the
option `layout` of the installation. The layout that is documented today is `current`. Sensors of the first deliveries are
`legacy`.

    port  bytes  message
    1     1      status        s
    2     6      heartbeat     0 occupied and hardware health, 1 battery, 2 temperature, 3 its lowest and 4 its highest in
                               24 h, 5 low 6 bits mean current, 10 µA
    3     5      start-up      0-2 firmware, 3 cause (0 rejoined, 1 watchdog, 2 power, 3 user, 6 brown-out, 7 other),
                               4 bit 0 occupied, in both layouts
    6     2-     debug         0-1 code: 404 calibrated, 805 no change, 899 invalid request; then its parameters
    10    5      registration  0 s, 1-4 identity of a user's tag
    10    6      the same      0 s, 1 the tag's battery, 0.1 V, 2-5 identity (current layout only)

    s            current             legacy
    occupied     bit 0               bit 7
    duration     bits 7 to 1         bits 6 to 0     of the previous state; c
    heartbeat    byte 0 bit 0        byte 0 bit 7

    c            0-89: c min; 90-119: 90 + 5 (c - 90) min; 120-126: 240 + 60 (c - 120) min; 127: 660 min or more
    battery      2500 + 4 x mV
    temperature  int8 / 2 + 10 °C; below -40 °C, where the sensor does not work, it is none

A registration whose occupied bit is clear gives no occupancy; it does not mean vacant. Statuses are confirmed, so they may
come twice. The duration becomes a reading of the past, because it makes up for a lost status.

The meaning of the hardware health is not published, so it is no fault.

Calibration: with the vendor's app, while the space is vacant, and again after the sensor was moved. Downlink on port 52,
one byte: the high nibble is how many times a status is sent unconfirmed, the low nibble is the data rate.

Sources: TheThingsNetwork/lorawan-devices vendor/nwave nps405.js at 62c8acdd (current) and 0a254aaa (legacy).
"""

from typing import Final, Literal

from decoders import Device, Frame, Occupancy, Reading
from decoders._nwave import CELSIUS, G4_RESETS, VOLTS, before, celsius, volts
from decoders._refusals import unfit

DEVICE: Final = Device(
    vendor="Nwave",
    model="NPS405 SM, NPS405 FM",
    ports=(1, 2, 3, 6, 10),
    measures={"temperature_celsius": CELSIUS, "battery_volts": VOLTS},
    low_battery_volts=2.9,  # in the cold; above -5 °C from 3.0 V on, and critical at 2.9 V
    lines={
        "nwave_nps405": {"layout": "current"},  # for `decode` only: an installation has to choose
        "nwave_nps405_current": {"layout": "current"},
        "nwave_nps405_legacy": {"layout": "legacy"},
    },
)


def decode(frame: Frame, *, layout: Literal["current", "legacy"]) -> Reading:
    """Read one frame of an NPS405."""
    payload = frame.payload
    match frame.port, len(payload):
        case 1, 1:
            occupancy, duration = _status(payload[0], layout)
            return Reading(occupancy=occupancy, past=before(occupancy, duration, frame.received_at))
        case 2, 6:
            occupancy, _health = _status(payload[0], layout)
            return Reading(
                occupancy=occupancy, battery_volts=volts(payload[1]), temperature_celsius=celsius(payload[2])
            )
        case 3, 5:
            occupancy = Occupancy.OCCUPIED if payload[4] & 1 else Occupancy.VACANT
            return Reading(occupancy=occupancy, fault=G4_RESETS.get(payload[3]))
        case 6, size if size >= 2:
            return Reading()
        case 10, size if size == 5 or (size == 6 and layout == "current"):
            occupancy, duration = _status(payload[0], layout)
            if occupancy is Occupancy.VACANT:
                return Reading()
            return Reading(occupancy=occupancy, past=before(occupancy, duration, frame.received_at))
    raise unfit(frame, DEVICE)


def _status(byte: int, layout: Literal["current", "legacy"]) -> tuple[Occupancy, int]:
    occupied, rest = (byte & 1, byte >> 1) if layout == "current" else (byte >> 7, byte & 0x7F)
    return Occupancy.OCCUPIED if occupied else Occupancy.VACANT, rest
