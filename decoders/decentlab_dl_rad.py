"""Decentlab DL-RAD: radar.

It measures a distance. The thresholds of the installation turn it into an occupancy.

The frame is described in `_decentlab`. The block of the sensor has four words: distance, mm; temperature, 0.01 °C above
-327.68 °C; reliability of the measurement, 0.01 dB above -327.68 dB; status of the radar.

| what the radar reports | the reading |
|---|---|
| a status other than 0, which is one of its error codes (507: an error in its settings) | no distance, the fault `sensor error 507` |
| a reliability of 0 dB or less: no echo stands out of the noise | no distance, the fault `signal too weak` |
| a distance of 0 or FFFF | no distance, the fault `no echo` |
| a distance above 30 m, which no radar of this series measures | no distance, the fault `distance out of range` |
| a temperature below -40 or above 80 °C | no temperature |

Calibration: none. The thresholds belong to the installation.

Source: decentlab/decentlab-decoders DL-RAD. The four values and their error codes are those of VEGA's VEGAPULS C series
(SDI-12 manual 58345, chapter 13), to 8, 15 or 30 m by its model.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._decentlab import VOLTS, blocks

DISTANCE: Final = Measured(lowest=1, highest=30_000, errors=(0, 0xFFFF))
CELSIUS: Final = Measured(lowest=-40, highest=80)

DEVICE: Final = Device(
    vendor="Decentlab",
    model="DL-RAD",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

_ZERO: Final = 0x8000
"""The word of 0 °C and of 0 dB."""


def decode(frame: Frame) -> Reading:
    """Read one frame of a DL-RAD."""
    sensor, volts = blocks(frame.payload, words=4)
    if sensor is None:
        return Reading(battery_volts=volts)
    millimetres, fault = _distance(*sensor)
    return Reading(
        distance_mm=millimetres,
        temperature_celsius=measuring.number((sensor[1] - _ZERO) / 100, CELSIUS),
        battery_volts=volts,
        fault=fault,
    )


def _distance(millimetres: int, _temperature: int, reliability: int, status: int) -> tuple[int | None, str | None]:
    if status:
        return None, f"sensor error {status}"
    if reliability <= _ZERO:
        return None, measuring.TOO_WEAK
    return measuring.distance(millimetres, DISTANCE)
