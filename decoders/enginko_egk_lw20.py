"""Enginko EGK-LW20L00 and EGK-LW20W00: distance, for levels of up to 7 m and of up to 1.5 m.

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

Both models send the same frames. The bare name has the range of the EGK-LW20L00, 7 m; `enginko_egk_lw20_w00` has that of the
EGK-LW20W00, 1.5 m. A distance above 60,000 is an error value, and one of 0 is no echo. A battery of more than 100 % is none, and so is a temperature below -40 or above 125 °C, whose range is not published.

Calibration: none. The thresholds belong to the installation. Downlinks: none are published here.

Source: actility/device-catalog vendors/enginko/drivers/level-sensors (index.js, examples.json), models/egk-lw20l00
and models/egk-lw20w00; akenza-io/device-type-library types/enginko/EGK-LW20W00.
"""

from collections.abc import Mapping
from typing import Final, Literal

from decoders import Device, Frame, Measured, Reading, Undecodable, measuring
from decoders._refusals import unfit

DISTANCES: Final = {
    "l00": Measured(lowest=1, highest=7000, errors=(0, 0xFFFF)),
    "w00": Measured(lowest=1, highest=1500, errors=(0, 0xFFFF)),
}
CELSIUS: Final = Measured(lowest=-40, highest=125)
PERCENT: Final = Measured(lowest=0, highest=100)

DEVICE: Final = Device(
    vendor="Enginko",
    model="EGK-LW20L00, EGK-LW20W00",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCES["l00"], "temperature_celsius": CELSIUS, "battery_percent": PERCENT},
    lines={"enginko_egk_lw20_w00": {"model": "w00"}},
)

_KINDS: Final[Mapping[int, tuple[int, int | None]]] = {0: (13, None), 1: (16, 13), 2: (19, 12), 3: (20, 13)}
"""The length of a measurement, and where its temperature is, by its kind."""
_LAST_DISTANCE: Final = 60_000


def decode(frame: Frame, *, model: Literal["l00", "w00"] = "l00") -> Reading:
    """Read one frame of an EGK-LW20."""
    payload = frame.payload
    match payload[:1], len(payload):
        case b"\x14", size if size > 1:
            return _measurement(payload, DISTANCES[model])
        case (b"\x01", 11) | (b"\x0a", 17):
            return Reading()
    raise unfit(frame, DEVICE)


def _measurement(payload: bytes, measured: Measured) -> Reading:
    kind = payload[1]
    if kind not in _KINDS:
        raise Undecodable(f"byte 1: no measurement has the kind {kind:02x}")
    size, at = _KINDS[kind]
    if len(payload) != size:
        raise Undecodable(f"a measurement of the kind {kind:02x} has {size} bytes, not {len(payload)}")
    raw = int.from_bytes(payload[10:12], "little")
    millimetres, fault = measuring.distance(raw, measured)
    return Reading(
        distance_mm=millimetres,
        fault=measuring.SENSOR_FAULT if raw > _LAST_DISTANCE else fault,
        temperature_celsius=_celsius(payload[at : at + 2]) if at else None,
        battery_percent=measuring.number(payload[-1], PERCENT),
    )


def _celsius(word: bytes) -> float | None:
    return measuring.number(int.from_bytes(word, "little", signed=True) / 100, CELSIUS)
