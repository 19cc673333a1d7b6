"""MacnMan ParkNode Gen-1 (ParkNode_LWAN_V1.0): magnetometer.

    bytes  message, on any port
    8      0 identity, 1 kind (0 event, 1 heartbeat), 2 status: 1 occupied, 0 vacant, 3 battery, %, 4-7 time, seconds since 1970
    6      0f, 1 tilt: 1 tampered, 0 clear, 2-5 time

Numbers are big-endian. The times are those of the device's clock. A battery of more than 100 % is none. The frame of a tilt
has no occupancy: a sensor that was moved measures another field.

Calibration: the baseline is learnt by itself. Downlinks: an interval on port 6, whose bytes are not published.

Source: MacnMan/MacnMan_LoRaWAN_Decoders LoRaWAN-Sensors/Other-Sensors/ParkNode Gen-1. Its kinds are the other way round than
those of the `macnman_parkomate`, whose frames have 19 bytes.
"""

from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable, measuring
from decoders._clock import unix_time
from decoders._refusals import unfit

PERCENT: Final = Measured(lowest=0, highest=100)

DEVICE: Final = Device(vendor="MacnMan", model="ParkNode Gen-1", ports=(), measures={"battery_percent": PERCENT})

_TILT: Final = 0x0F


def decode(frame: Frame) -> Reading:
    """Read one frame of a ParkNode Gen-1."""
    payload = frame.payload
    match len(payload):
        case 8:
            return Reading(
                occupancy=Occupancy.OCCUPIED if _flag(payload, 2) else Occupancy.VACANT,
                at=unix_time(int.from_bytes(payload[4:8])),
                battery_percent=measuring.number(payload[3], PERCENT),
            )
        case 6 if payload[0] == _TILT:
            return Reading(tamper=_flag(payload, 1) == 1, at=unix_time(int.from_bytes(payload[2:6])))
    raise unfit(frame, DEVICE)


def _flag(payload: bytes, at: int) -> int:
    if payload[at] > 1:
        raise Undecodable(f"byte {at}: a flag is 0 or 1, not {payload[at]}")
    return payload[at]
