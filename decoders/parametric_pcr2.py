"""Parametric PCR2: radar that counts what passes it, in two directions.

A zone without sensors in its spaces is counted by it. Set the payload type 2 (extended) in the device: the other two types
have no totals.

    port  bytes  message
    14    17     be 01 04: counts, firmware 4 and later
    14    16     be 01 03: counts, firmware 3
    14    n      0a …: counts since the last uplink (payload type 0); they are no totals
    190   14, 20, 31, 34, 35   settings

    counts       value
    3-4, 5-6     left to right and right to left since the last uplink, uint16
    7-8, 9-10    the same since the device was switched on, uint16
    11-12        battery of the solar charger, mV; 0: it has none (firmware 3: 1 byte, %)
    13-14        power of the solar panel, mW
    15-16        temperature of the processor, 0.1 °C, int16

Numbers are big-endian. A temperature below f000 or above 0fff is not published and is none. A gauge of 0, or of more than 100
%, is none. The option `entry` says in which direction vehicles drive in.

Calibration: by downlinks. Downlinks: none are published here.

Source: TheThingsNetwork/lorawan-devices vendor/parametric/pcr2-decoder.js.
"""

from typing import Final, Literal

from decoders import Device, Frame, Measured, Reading, Undecodable, measuring
from decoders._refusals import unfit

CELSIUS: Final = Measured(lowest=-409.6, highest=409.5)
"""The published temperatures of the processor, f000 to 0fff."""
PERCENT: Final = Measured(lowest=1, highest=100)
"""Of the solar charger's gauge; 0: it has none."""

VOLTS: Final = Measured(lowest=1.5, highest=25.5)
"""Of the solar charger; 0: it has none."""

DEVICE: Final = Device(
    vendor="Parametric",
    model="PCR2",
    ports=(14, 190),
    measures={"temperature_celsius": CELSIUS, "battery_percent": PERCENT, "battery_volts": VOLTS},
)

_SIZES: Final = {14, 20, 31, 34, 35}
"""Bytes of the settings, by firmware."""


def decode(frame: Frame, *, entry: Literal["left_to_right", "right_to_left"] = "left_to_right") -> Reading:
    """Read one frame of a PCR2."""
    payload = frame.payload
    match frame.port, len(payload):
        case 14, 17 if payload.startswith(b"\xbe\x01\x04"):
            return _counts(payload, entry, volts=measuring.number(int.from_bytes(payload[11:13]) / 1000, VOLTS))
        case 14, 16 if payload.startswith(b"\xbe\x01\x03"):
            return _counts(payload, entry, percent=measuring.number(payload[11], PERCENT))
        case 14, _ if payload.startswith(b"\x0a"):
            return _increments(payload)
        case 190, size if size in _SIZES:
            return Reading()
    raise unfit(frame, DEVICE)


def _counts(payload: bytes, entry: str, *, volts: float | None = None, percent: float | None = None) -> Reading:
    rightward, leftward = int.from_bytes(payload[7:9]), int.from_bytes(payload[9:11])
    came, left = (rightward, leftward) if entry == "left_to_right" else (leftward, rightward)
    return Reading(
        counter_in=came,
        counter_out=left,
        battery_volts=volts,
        battery_percent=percent,
        temperature_celsius=_celsius(int.from_bytes(payload[-2:], signed=True)),
    )


def _celsius(tenths: int) -> float | None:
    return measuring.number(tenths / 10, CELSIUS)


def _increments(payload: bytes) -> Reading:
    """Read items of a byte and a word; the only one that belongs to a reading is the temperature."""
    found: dict[int, int] = {}
    for start in range(0, len(payload), 3):
        item = payload[start : start + 3]
        if len(item) < 3 or item[0] not in {0x01, 0x0A, 0x16}:
            raise Undecodable(f"byte {start}: no item of 3 bytes begins with {item[:1].hex()}")
        found[item[0]] = int.from_bytes(item[1:], signed=True)
    return Reading(temperature_celsius=_celsius(found[0x01]) if 0x01 in found else None)
