"""MOKOSmart LW009-SM PRO: magnetometer and radar, on the surface, and a scan for Bluetooth beacons.

    port  bytes      message
    1     10         heartbeat: h, 9 status
    2     24         parking: h, 9 detected by (0 magnet, 1 radar, 2 both), 10 status, 11 information, 12-13 radar,
                     14-19 magnetic field x, y, z, 20-23 time when the space changed, seconds since 1970
    3     25 + 11 n  the same, then 24 number of beacons, and for each an address, 6 bytes, strength, int8, and time
    4     9          h: the battery is low
    5     10         h, 9 switched off by: 0 Bluetooth, 1 downlink
    6     10         h, 9 event: 0 a downlink was received, 1 calibrated, 2 calibration failed
    7     13         h, 9-12 detections counted, uint32

    h            0 battery low (1), 1-2 battery, mV, 3-6 time of sending, seconds since 1970, 7 zone, half hours,
                 8 temperature, int8, °C, 7F none
    status       1 occupied, 0 vacant
    information  0 heartbeat, 1 vacant, 2 occupied, 3 strong magnetic interference, 4 magnetic sensor failed,
                 5 radar failed: the status beside 3, 4 and 5 is that of the vendor's decoder

Numbers are big-endian. Both times are UTC. A change of the space is dated by the time of the change, which may be long
before the time of sending. Everything else is dated by the time of sending. A low battery is reported by
every message, beside any other fault.

Calibration: by a command, while the space is vacant. An event on port 6 reports the result. The sensitivity is 1 to 7.
Downlinks: not published. Messages on port 10 are answers to them and are refused.

Source: LoRaWAN-Product-Decoder/MOKOSMART-LoRaWAN-Product-Decoder LW009-SM PRO.
"""

from typing import Any, Final

from decoders import Device, Frame, Occupancy, Reading, Undecodable
from decoders._clock import unix_time
from decoders._moko import CELSIUS, INTERFERENCE, MEASURES, NO_MAGNET, NO_RADAR, VOLTS
from decoders._refusals import unfit
from decoders.measuring import faults, number

DEVICE: Final = Device(vendor="MOKOSmart", model="LW009-SM PRO", ports=(1, 2, 3, 4, 5, 6, 7), measures=MEASURES)

INFORMATION: Final = {3: INTERFERENCE, 4: NO_MAGNET, 5: NO_RADAR}
"""Information that is a fault."""
CHANGED: Final = (1, 2)
BATTERY_LOW: Final = "battery low"


def decode(frame: Frame) -> Reading:
    """Read one frame of an LW009-SM PRO."""
    payload = frame.payload
    match frame.port, len(payload):
        case 1, 10:
            return _reading(payload, occupancy=_occupancy(payload, 9))
        case 2, 24:
            return _parking(payload)
        case 3, size if size >= 25 and size == 25 + 11 * payload[24]:
            return _parking(payload)
        case 4, 9:
            return _reading(payload, fault=BATTERY_LOW)
        case 5, 10:
            return _reading(payload, fault="switched off")
        case 6, 10 if payload[9] == 2:
            return _reading(payload, fault="calibration failed")
        case 6, 10:
            return _reading(payload)
        case 7, 13:
            return _reading(payload, counter=int.from_bytes(payload[9:13]))
    raise unfit(frame, DEVICE)


def _reading(payload: bytes, *, fault: str | None = None, **more: Any) -> Reading:
    head: dict[str, Any] = {
        "at": unix_time(int.from_bytes(payload[3:7])),
        "battery_volts": number(int.from_bytes(payload[1:3]) / 1000, VOLTS),
        "temperature_celsius": number(float(int.from_bytes(payload[8:9], signed=True)), CELSIUS),
        "fault": faults(BATTERY_LOW if payload[0] == 1 else None, fault),
    }
    return Reading(**{**head, **more})


def _parking(payload: bytes) -> Reading:
    information = payload[11]
    more: dict[str, Any] = {"occupancy": _occupancy(payload, 10), "fault": INFORMATION.get(information)}
    if information in CHANGED and (changed := unix_time(int.from_bytes(payload[20:24]))):
        more["at"] = changed
    return _reading(payload, **more)


def _occupancy(payload: bytes, at: int) -> Occupancy:
    match payload[at]:
        case 0:
            return Occupancy.VACANT
        case 1:
            return Occupancy.OCCUPIED
    raise Undecodable(f"byte {at}: a status is 0 or 1, not {payload[at]}")
