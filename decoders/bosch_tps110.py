"""Bosch Parking Lot Sensor TPS110 (PLS): magnetometer and radar. Firmware 0.23.3 to 0.29.x and 0.39.x.

A status is sent on change only. It may be confirmed or repeated, so one change can arrive more than once. A heartbeat comes
about once a day. The battery is not reported.

    port  bytes  message
    1     1      parking status     o
    2     1, 2   heartbeat          o, then t if it measures temperature
    3     17     start-up           0-11 debug words, 12-14 firmware, 15 reset cause, 16 o
    4     3, 11  information        firmware, or the device's name and band
    5     5-19   usage              0 kind of report: 0 changes of status, 1 s occupied, 3 radar triggers, 4 s since the
                                    restart, 6 s since installation, each uint32; 2 uplinks per data rate, six uint24;
                                    5 resets: brown-out, lock-up, pin, power-on, watchdog, 1 byte each, software uint16
    6     10     debug              0-3 time since boot, 4-7 code word of which the low 12 bits are a code, 8-9 sequence
    7     1      temperature alert  t, from firmware 0.39 on

    o  bit 0: 1 occupied, 0 vacant; bits 7 to 1 are reserved
    t  int8, °C; below -40 and above 85 it is none, because the sensor works from -30 to 65 °C

All numbers are big-endian. Both firmware lines have the occupancy in the same place, so the bare name decodes both, with
the layout of 0.39. The firmware 0.29 has no port 7 and fewer reset causes.

Calibration: automatic. A magnet at its base switches the sensor on. About two minutes later it measures, and after about
ten changes it is calibrated. Debug code 404 reports a new calibration.

    downlink on port  byte
    51                statuses: 0 confirmed, 1-4 unconfirmed, sent so many times
    52                data rate, 0-5
    53                heartbeat: 0 short, 1 normal, 2 long, 3 for tests
    54                request for information: 0 name, 1 firmware
    55                request for usage, 0-6
    56                debug messages: 0 none, 1-4 each sent so many times
    57                temperature: 0 none, 1 regularly, 2 alert
    58, 59            58 adaptive data rate: 0 off, 1 on; 59 its offset, 0-5
    60                thresholds of the temperature alert

Sources: TheThingsNetwork/lorawan-devices vendor/bosch tpl110-0292.js and tpl110-0392.js; akenza-io/device-type-library
types/bosch.
"""

from datetime import timedelta
from typing import Final, Literal

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable
from decoders._refusals import unfit
from decoders.measuring import number

CELSIUS: Final = Measured(lowest=-40, highest=85)

DEVICE: Final = Device(
    vendor="Bosch",
    model="TPS110, Parking Lot Sensor",
    ports=(1, 2, 3, 4, 5, 6, 7),
    heartbeat=timedelta(days=1),
    measures={"temperature_celsius": CELSIUS},
    lines={"bosch_tps110_v029": {"firmware": "v029"}, "bosch_tps110_v039": {"firmware": "v039"}},
)

RESETS: Final = {
    "v029": {1: "restarted by its watchdog"},
    "v039": {1: "restarted by its watchdog", 5: "restarted after a lock-up", 6: "restarted after a brown-out"},
}
"""Reset causes that are faults."""

DEBUG: Final = {
    201: "join failed",
    404: "recalibrating",
    717: "confirmed uplink never acknowledged",
    720: "join failed",
    729: "confirmed uplink never acknowledged",
    1001: "parameters recovered",
    1003: "parameters recovered",
}

USAGE_BYTES: Final = {0: 5, 1: 5, 2: 19, 3: 5, 4: 5, 5: 8, 6: 5}


def decode(frame: Frame, *, firmware: Literal["v029", "v039"] = "v039") -> Reading:
    """Read one frame of a TPS110."""
    payload = frame.payload
    match frame.port, len(payload):
        case 1, 1:
            return Reading(occupancy=_occupancy(payload[0]))
        case 2, 1:
            return Reading(occupancy=_occupancy(payload[0]))
        case 2, 2:
            return Reading(occupancy=_occupancy(payload[0]), temperature_celsius=_celsius(payload[1:]))
        case 3, 17:
            return Reading(occupancy=_occupancy(payload[16]), fault=RESETS[firmware].get(payload[15]))
        case 4, 3 | 11:
            return Reading()
        case 5, size if size:
            return _usage(payload)
        case 6, 10:
            return Reading(fault=DEBUG.get(int.from_bytes(payload[6:8]) & 0x0FFF))
        case 7, 1 if firmware == "v039":
            return Reading(temperature_celsius=_celsius(payload))
    raise unfit(frame, DEVICE)


def _occupancy(status: int) -> Occupancy:
    return Occupancy.OCCUPIED if status & 1 else Occupancy.VACANT


def _celsius(byte: bytes) -> float | None:
    return number(float(int.from_bytes(byte, signed=True)), CELSIUS)


def _usage(payload: bytes) -> Reading:
    what = payload[0]
    if USAGE_BYTES.get(what) != len(payload):
        raise Undecodable(f"byte 0: no usage report of kind {what:#04x} has {len(payload)} bytes")
    return Reading(counter=int.from_bytes(payload[1:]) if what == 0 else None)
