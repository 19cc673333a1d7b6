"""Enginko EGK-LW20L00: distance, for levels of up to 7 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    byte 0  bytes  message, on any port
    14      13-20  measurement: 1 kind, 2-5 time, 6-7 voltage, mV, 8-9 height, mm, 10-11 distance, mm, then by its kind
    01      11     request for the time
    0a      17     inputs and outputs

    kind    bytes  from byte 12
    00      13     battery
    01      16     fill level, %, temperature, battery
    02      19     temperature, humidity, pressure (3 bytes), battery
    03      20     fill level, %, temperature, humidity, pressure (3 bytes), battery

Numbers are little-endian. A temperature is int16, 0.01 °C; a battery is one byte, %. The time is packed as in MCF88's devices
and its time zone is not published, so it is not read. The kinds fe and ff are for debugging; the published decoder has a
layout for them and never uses it, so they are refused.

A distance above 60,000 is an error value, and one above 7 m is out of range. A distance of 0 is no echo. A battery of
more than 100 % is none, and so is a temperature below -40 or above 125 °C, whose range is not published.

Calibration: none. The thresholds belong to the installation. Downlinks: none are published here.

Source: actility/device-catalog vendors/enginko/drivers/level-sensors (index.js, examples.json) and models/egk-lw20l00.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Device, Frame, Measured, Reading, Undecodable, measuring
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=1, highest=7000, errors=(0, 0xFFFF))
CELSIUS: Final = Measured(lowest=-40, highest=125)
PERCENT: Final = Measured(lowest=0, highest=100)

DEVICE: Final = Device(
    vendor="Enginko",
    model="EGK-LW20L00",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "temperature_celsius": CELSIUS, "battery_percent": PERCENT},
)

_KINDS: Final[Mapping[int, tuple[int, int | None]]] = {0: (13, None), 1: (16, 13), 2: (19, 12), 3: (20, 13)}
"""The length of a measurement, and where its temperature is, by its kind."""
_LAST_DISTANCE: Final = 60_000


def decode(frame: Frame) -> Reading:
    """Read one frame of an EGK-LW20L00."""
    payload = frame.payload
    match payload[:1], len(payload):
        case b"\x14", size if size > 1:
            return _measurement(payload)
        case (b"\x01", 11) | (b"\x0a", 17):
            return Reading()
    raise unfit(frame, DEVICE)


def _measurement(payload: bytes) -> Reading:
    kind = payload[1]
    if kind not in _KINDS:
        raise Undecodable(f"byte 1: no measurement has the kind {kind:02x}")
    size, at = _KINDS[kind]
    if len(payload) != size:
        raise Undecodable(f"a measurement of the kind {kind:02x} has {size} bytes, not {len(payload)}")
    raw = int.from_bytes(payload[10:12], "little")
    millimetres, fault = measuring.distance(raw, DISTANCE)
    return Reading(
        distance_mm=millimetres,
        fault=measuring.SENSOR_FAULT if raw > _LAST_DISTANCE else fault,
        temperature_celsius=_celsius(payload[at : at + 2]) if at else None,
        battery_percent=measuring.number(payload[-1], PERCENT),
    )


def _celsius(word: bytes) -> float | None:
    return measuring.number(int.from_bytes(word, "little", signed=True) / 100, CELSIUS)
