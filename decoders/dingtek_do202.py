"""Dingtek DO202: magnetometer.

    port  bytes  message, in the frame that `_dingtek` describes, product 32
    3     23     telemetry: car, alarms, battery, magnetic field, 17 temperature, int8, °C, 18 humidity, %,
                 19-20 frame counter. The bytes of the distance have no meaning, because it has no such
                 sensor
    3     16     parameters: 5.6 firmware, 7 upload interval, h, 8 detection interval, min, 10-11 magnetic threshold,
                 12 battery threshold, %

The upload interval is 1 to 168 hours.

Calibration: the thresholds are set in the sensor. See `_dingtek` for the downlinks that set them.

Sources: cndingtek/Chirpstack_codec; TheThingsNetwork/lorawan-devices vendor/dingtek do202-codec.yaml.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._dingtek import CELSIUS, DOWNLINKS, VOLTS, celsius, common, telemetry_of

DEVICE: Final = Device(
    vendor="Dingtek", model="DO202", ports=(3,), measures={"temperature_celsius": CELSIUS, "battery_volts": VOLTS}
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of a DO202."""
    payload = telemetry_of(frame, DEVICE, code=0x32, telemetry=23, parameters=16)
    if payload is None:
        return Reading()
    return Reading(temperature_celsius=celsius(payload[17]), **common(payload))
