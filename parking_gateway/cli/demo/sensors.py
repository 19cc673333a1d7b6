"""The models of the demo's sensors, and the frames that they send. The docstrings of their codecs describe the bytes."""

from collections.abc import Callable
from typing import Final

import msgspec


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What a sensor measures."""

    is_occupied: bool
    minutes: int
    """How long the previous state lasted, 0 to 89."""
    distance_mm: int
    """From a sensor on the ceiling to the roof of a car or to the floor."""
    celsius: int
    battery_percent: int
    f_cnt: int

    @property
    def battery_volts(self) -> float:
        """Of a lithium cell, whose voltage hardly falls until its end."""
        return 3.0 + 0.5 * self.battery_percent / 100


Payload = tuple[int, bytes]
"""FPort and bytes."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A product, its codec, and its frames."""

    name: str
    """The name of its device profile."""
    codec: str
    options: dict[str, str] = {}
    status: Callable[[Conditions], Payload]
    """The frame after a car came or left."""
    heartbeat: Callable[[Conditions], Payload]
    """The frame of a sensor without a change."""
    damaged: Payload
    """A frame that does not follow the model's format."""


def _bosch_status(now: Conditions) -> Payload:
    return 1, bytes([now.is_occupied])


def _bosch_heartbeat(now: Conditions) -> Payload:
    return 2, bytes([now.is_occupied]) + now.celsius.to_bytes(1, signed=True)


def _nwave_status(now: Conditions) -> Payload:
    return 1, bytes([now.minutes << 1 | now.is_occupied])


def _nwave_heartbeat(now: Conditions) -> Payload:
    degrees = (2 * (now.celsius - 10)).to_bytes(1, signed=True)
    battery = round((now.battery_volts * 1000 - 2500) / 4).to_bytes()
    return 2, bytes([now.is_occupied]) + battery + degrees * 3 + b"\x09"


def _placepod_status(now: Conditions) -> Payload:
    return 2, b"\x15\x66" + bytes([now.is_occupied])


def _placepod_heartbeat(now: Conditions) -> Payload:
    temperature = (10 * now.celsius).to_bytes(2, signed=True)
    battery = round(100 * now.battery_volts).to_bytes(2)
    return 2, b"\x37\x66" + bytes([now.is_occupied]) + b"\x02\x67" + temperature + b"\x03\x02" + battery


def _milesight(now: Conditions) -> Payload:
    battery = b"\x01\x75" + bytes([now.battery_percent])
    return 85, battery + b"\x03\x82" + now.distance_mm.to_bytes(2, "little") + b"\x04\x00\x00"


def _dingtek(now: Conditions) -> Payload:
    height = 300 if now.is_occupied else 0
    magnet = b"\x01\x5e\xfe\x5c\x00\x4d" if now.is_occupied else b"\x00\x10\xff\xf6\xff\xf0"
    telemetry = height.to_bytes(2) + bytes([0x10 * now.is_occupied, 0]) + round(100 * now.battery_volts).to_bytes(2)
    return 3, b"\x80\x00\x02\x01\x15" + telemetry + magnet + (now.f_cnt & 0xFFFF).to_bytes(2) + b"\x00\x81"


OCCUPIED_BELOW_MM: Final = 1800
"""On a ceiling of 2.5 m: the roof of a car is nearer, the floor farther."""

BOSCH: Final = Model(
    name="Bosch TPS110",
    codec="bosch_tps110_v029",
    status=_bosch_status,
    heartbeat=_bosch_heartbeat,
    damaged=(1, b"\x01\x00"),
)
NWAVE: Final = Model(
    name="Nwave NPS405",
    codec="nwave_nps405",
    options={"layout": "current"},
    status=_nwave_status,
    heartbeat=_nwave_heartbeat,
    damaged=(2, b"\x01\xd3"),
)
PLACEPOD: Final = Model(
    name="PNI PlacePod",
    codec="pni_placepod",
    status=_placepod_status,
    heartbeat=_placepod_heartbeat,
    damaged=(2, b"\x15\x66\x07"),
)
MILESIGHT: Final = Model(
    name="Milesight EM310-UDL",
    codec="milesight_em310_udl",
    options={"occupied_below_mm": str(OCCUPIED_BELOW_MM)},
    status=_milesight,
    heartbeat=_milesight,
    damaged=(85, b"\x01\x75\x5c\x03\x82\x4c"),
)
DINGTEK: Final = Model(
    name="Dingtek DO200",
    codec="dingtek_do200",
    status=_dingtek,
    heartbeat=_dingtek,
    damaged=(3, b"\x80\x00\x02\x01\x15\x00\x00\x00\x81"),
)
MODELS: Final = (MILESIGHT, NWAVE, DINGTEK, BOSCH, PLACEPOD)
