"""Dingtek DO200: ultrasonic and magnetometer. It decides itself whether there is a car.

    port  bytes  message, in the frame that `_dingtek` describes, product 02
    3     21     telemetry: distance, car, alarms, battery, magnetic field, 17-18 frame counter
    3     17     parameters: 5.6 firmware, 7 upload interval, h, 8 ultrasonic interval, min, 9 magnetic interval, s,
                 12-13 magnetic threshold

The upload interval is 1 to 168 hours.

Sources: cndingtek/Chirpstack_codec; TheThingsNetwork/lorawan-devices vendor/dingtek do200-codec.yaml.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._dingtek import common, distance, says

DEVICE: Final = Device(vendor="Dingtek", model="DO200", ports=(3,))


def decode(frame: Frame) -> Reading:
    """Read one frame of a DO200."""
    payload = says(frame, DEVICE, code=0x02, telemetry=21, parameters=17)
    if payload is None:
        return Reading()
    return Reading(distance_mm=distance(payload), **common(payload))
