"""MacnMan ParkOMate (OmniWOT ParkNode): magnetometer.

    bytes  message, on any port
    19     0 identity, 1 kind (1 event, else heartbeat), 2 status: 1 occupied, 0 vacant, 3-8 offsets x, y, z, int16 each,
           9-14 magnetic field x, y, z, int16 each, 15-18 time, seconds since 1970, by the device's clock

Numbers are big-endian. The offsets are the baseline of the calibration.

Calibration: not published. Downlinks: none published.

Source: MacnMan/LoRADecoders ParkOMate.js. (The comment in it has a sample of 18 bytes, which is wrong.)
"""

from typing import Final

from decoders import Device, Frame, Occupancy, Reading, Undecodable
from decoders._clock import unix_time
from decoders._refusals import unfit

DEVICE: Final = Device(vendor="MacnMan", model="ParkOMate, OmniWOT ParkNode", ports=())


def decode(frame: Frame) -> Reading:
    """Read one frame of a ParkOMate."""
    payload = frame.payload
    if len(payload) != 19:
        raise unfit(frame, DEVICE)
    if payload[2] > 1:
        raise Undecodable(f"byte 2: a status is 0 or 1, not {payload[2]}")
    return Reading(
        occupancy=Occupancy.OCCUPIED if payload[2] else Occupancy.VACANT,
        at=unix_time(int.from_bytes(payload[15:19])),
    )
