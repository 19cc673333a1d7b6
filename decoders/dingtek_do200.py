"""Dingtek DO200: ultrasonic and magnetometer. The sensor itself decides whether there is a car.

    port  bytes  message, in the frame that `_dingtek` describes, product 02
    3     21     telemetry: distance, car, alarms, battery, magnetic field, 17-18 frame counter
    3     17     parameters: 5.6 firmware, 7 upload interval, h, 8 ultrasonic interval, min, 9 magnetic interval, s,
                 12-13 magnetic threshold

The upload interval is 1 to 168 hours.

Calibration: the thresholds are set in the sensor. Downlinks on port 3 are text: head `80028888`, key, value in hexadecimal,
tail `81`. For example, `80028888` `01` `04` `81` sets the upload interval to 4 h.

    key  value, two digits
    01   upload interval, h, 1-168
    02   magnetic threshold
    03   ultrasonic interval
    04   magnetic interval

Sources: cndingtek/Chirpstack_codec; TheThingsNetwork/lorawan-devices vendor/dingtek do200-codec.yaml.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._dingtek import common, distance, telemetry_of

DEVICE: Final = Device(vendor="Dingtek", model="DO200", ports=(3,))


def decode(frame: Frame) -> Reading:
    """Read one frame of a DO200."""
    payload = telemetry_of(frame, DEVICE, code=0x02, telemetry=21, parameters=17)
    if payload is None:
        return Reading()
    return Reading(distance_mm=distance(payload), **common(payload))
