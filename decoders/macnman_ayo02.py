"""MacnMan AYO02: distance or level, on a pole or in a container.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    byte 0  bytes  message, on any port
    01      9      measurement: 1 identity, 2-3 distance, 0.1 cm, 4 battery, 5-8 time, seconds since 1970, by the device's clock
    00      18     start: 2-5 maker, 6-8 firmware, 9-11 hardware, 12-13 ms between measurements, 14-17 time

Numbers are big-endian. The byte 4 is named "battery" and its unit is not published, so it is not read. The published decoder
calls the distance a level, and its file "Distance": which of the two depends on how the device is set up, so compare it once
with a rule. Its kinds 02 (answers) and 03 (alarms) have no published layout, and their frames are refused.

A distance of 0 or FFFF is no echo. The range and other error values are not published.

Calibration: none. Downlinks: none published.

Source: MacnMan/LoRADecoders Amazon/AYO02_Distance.js. (The sample in its comment is a frame of another device.)
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._clock import unix_time
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=1, highest=0xFFFE, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="MacnMan", model="AYO02", ports=(), measures_distance=True, measures={"distance_mm": DISTANCE}
)


def decode(frame: Frame) -> Reading:
    """Read one frame of an AYO02."""
    payload = frame.payload
    match payload[:1], len(payload):
        case b"\x01", 9:
            millimetres, fault = measuring.distance(int.from_bytes(payload[2:4]), DISTANCE)
            return Reading(distance_mm=millimetres, fault=fault, at=unix_time(int.from_bytes(payload[5:9])))
        case b"\x00", 18:
            return Reading()
    raise unfit(frame, DEVICE)
