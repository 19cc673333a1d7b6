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
    02   magnetic threshold, mGs, 1-255
    03   ultrasonic interval, min, 1-60
    04   magnetic interval, s, 1-60

The limits are those of the vendor's encoders.

Sources: cndingtek/Chirpstack_codec; TheThingsNetwork/lorawan-devices vendor/dingtek do200-codec.yaml.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Command, Device, Frame, Reading
from decoders._commands import within
from decoders._dingtek import DISTANCE, VOLTS, common, distance, setting, telemetry_of

DEVICE: Final = Device(
    vendor="Dingtek", model="DO200", ports=(3,), measures={"distance_mm": DISTANCE, "battery_volts": VOLTS}
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a DO200."""
    payload = telemetry_of(frame, DEVICE, code=0x02, telemetry=21, parameters=17)
    if payload is None:
        return Reading()
    return Reading(distance_mm=distance(payload), **common(payload))


_HEAD: Final = "80028888"


def _report_interval(*, hours: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x01, within("hours", hours, 1, 168))


def _magnetic_threshold(*, value: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x02, within("value", value, 1, 0xFF))


def _magnetic_interval(*, seconds: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x04, within("seconds", seconds, 1, 60))


COMMANDS: Final[Mapping[str, Command]] = {
    "report_interval": _report_interval,
    "magnetic_threshold": _magnetic_threshold,
    "magnetic_interval": _magnetic_interval,
}
