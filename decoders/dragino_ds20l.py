"""Dragino DS20L: laser, 2 m, which measures or counts.

It measures a distance. The thresholds of the installation turn it into an occupancy. In the counting mode it counts what passes.

    port  bytes  message; byte 2: bits 7 and 6 the mode
    2     10     mode 1, measuring now and then: 0-1 battery, mV; 2 bit 5 alarm, bit 4 interrupt; 3-4 distance, mm; 5 state of
                 the sensor, 0: the distance is valid; 6-9 interrupts
    2     9      mode 2, measuring all the time, bit 3 clear: 2 bit 5 alarm, bit 4 output, bit 2 kind of limit; 3-4 distance;
                 5-6 upper and 7-8 lower limit
    2     11     mode 2, counting, bit 3 set: 3-6 count; 7-8 upper and 9-10 lower limit
    5     8      status: 0 model (21), 1-2 firmware, 3 band, 4 sub-band, 5 mode, 6-7 battery

Numbers are big-endian. A reading comes every 20 min by default.

What is no measurement: a distance with another state of the sensor than 0, or beyond 30 to 2,000 mm (from an object that reflects
90 %); a battery below 1.8 V, at which the device stops, or above 4.3 V. The count of interrupts is that of an input and no count of
vehicles.

Calibration: none. The thresholds belong to the installation. Downlinks on port 1: `01` and the seconds between readings,
uint24 (`01 00 04 b0`: 20 min); `04 ff`: restart.

Sources: dragino/dragino-end-node-decoder DS20L; user manual of the DS20L, 1.3 and 2.3 (range, state of the sensor).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading, Undecodable, measuring
from decoders._dragino import DOWNLINKS, VOLTS
from decoders._dragino_laser import laser
from decoders._refusals import unfit

DISTANCE: Final = laser(30, 2_000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="DS20L",
    ports=(2, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS},
)

COMMANDS: Final = DOWNLINKS

COUNTS: Final = 0x08
INVALID: Final = "distance invalid"
_SIZES: Final = {1: (10, 10), 2: (9, 11)}
"""Bytes of a message by its mode: of a distance, of a count."""


def decode(frame: Frame) -> Reading:
    """Read one frame of a DS20L."""
    payload = frame.payload
    if frame.port == 5 and len(payload) == 8:
        return Reading(battery_volts=_volts(payload[6:]))
    if frame.port != 2 or len(payload) < 3:
        raise unfit(frame, DEVICE)
    mode = payload[2] >> 6
    if mode not in _SIZES:
        raise Undecodable(f"byte 2: mode {mode} is unknown")
    counts = mode == 2 and payload[2] & COUNTS != 0
    if len(payload) != _SIZES[mode][counts]:
        raise unfit(frame, DEVICE)
    if counts:
        return Reading(battery_volts=_volts(payload), counter=int.from_bytes(payload[3:7]))
    if mode == 1 and payload[5]:
        return Reading(battery_volts=_volts(payload), fault=INVALID)
    millimetres, fault = measuring.distance(int.from_bytes(payload[3:5]), DISTANCE)
    return Reading(battery_volts=_volts(payload), distance_mm=millimetres, fault=fault)


def _volts(word: bytes) -> float | None:
    return measuring.number(int.from_bytes(word[:2]) / 1000, VOLTS)
