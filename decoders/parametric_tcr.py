"""Parametric TCR: radar that counts what passes it, in two directions, by speed.

All its counts are those of the last interval, with their mean speed. An uplink that is lost would be missing in a sum of them,
so they are no totals, and a zone cannot be counted by it. For a count of vehicles use a Parametric PCR2.

    port   bytes  message
    15     32     be 02 01: counts, firmware 1.0: 3 battery of the solar charger, %, 4-5 power of the solar panel, mW, 6-7 temperature
    15     33     be 02 02: counts, firmware 1.3: 3-4 battery of the solar charger, mV, 5-6 power, mW, 7-8 temperature
    13     10     a2: all detections, firmware 2.2 and that of PMX: 1 hour, 2 minute, 3-4 left to right, 5 km/h, 6-7 right to left,
                  8 km/h, 9 supply, 0.1 V
    14-17  10     a2: the same of the categories 1 to 4
    190    27     be 02 01, be 02 02: settings, firmware 1
    190    10     be 02 … d2: type and firmware
    190    8      d2: type and firmware, of PMX
    1      6, 7   c1: answer to a downlink
    1      3, 4   c2: the same, of PMX

Numbers are big-endian. A temperature is int16, 0.1 °C, of the processor; values below f000 and above 0fff are not published
and are none. A battery of 0, or of more than 100 %, is none: the device has no solar charger. The supply of a2 is that of the
solar charger or of the power supply.

Calibration: by downlinks. Downlinks: none are published here.

Source: docs.parametric-analytics.com tcr/manuals/lora_payload (firmware 1.3 to 2.2), www.parametric.ch
docs/tcr/tcr_payload_v1; actility/device-catalog vendors/pmx/drivers/pmx-tcr (a2, c2 and d2).
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, measuring
from decoders._refusals import unfit

CELSIUS: Final = Measured(lowest=-409.6, highest=409.5)
"""The published temperatures of the processor, f000 to 0fff."""
PERCENT: Final = Measured(lowest=1, highest=100)

VOLTS: Final = Measured(lowest=1.5, highest=25.5)
"""Of the battery; 0: it has none. The one of the older firmware is a byte of 0.1 V."""

DEVICE: Final = Device(
    vendor="Parametric",
    model="TCR, PMX TCR",
    ports=(1, 13, 14, 15, 16, 17, 190),
    measures={"temperature_celsius": CELSIUS, "battery_percent": PERCENT, "battery_volts": VOLTS},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a TCR."""
    payload = frame.payload
    match frame.port, len(payload):
        case 15, 32 if payload.startswith(b"\xbe\x02\x01"):
            percent = measuring.number(payload[3], PERCENT)
            return Reading(battery_percent=percent, temperature_celsius=_temperature(payload[6:8]))
        case 15, 33 if payload.startswith(b"\xbe\x02\x02"):
            volts = measuring.number(int.from_bytes(payload[3:5]) / 1000, VOLTS)
            return Reading(battery_volts=volts, temperature_celsius=_temperature(payload[7:9]))
        case 13 | 14 | 15 | 16 | 17, 10 if payload[0] == 0xA2:
            return Reading(battery_volts=measuring.number(payload[9] / 10, VOLTS))
        case 190, 27 if payload.startswith((b"\xbe\x02\x01", b"\xbe\x02\x02")):
            return Reading()
        case 190, 10 if payload.startswith(b"\xbe\x02") and payload[3] == 0xD2:
            return Reading()
        case 190, 8 if payload[0] == 0xD2:
            return Reading()
        case 1, 6 | 7 if payload[0] == 0xC1:
            return Reading()
        case 1, 3 | 4 if payload[0] == 0xC2:
            return Reading()
    raise unfit(frame, DEVICE)


def _temperature(value: bytes) -> float | None:
    return measuring.number(int.from_bytes(value, signed=True) / 10, CELSIUS)
