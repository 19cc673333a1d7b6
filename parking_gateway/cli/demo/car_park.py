"""The sample car park: two sites, five zones with one model of sensor each, and a zone that a counter at its gate counts.

Two sensors have no installation. A lamp hangs above a space.
"""

from collections.abc import Sequence
from math import cos, radians, sin
from string import ascii_lowercase
from typing import Final

import msgspec

from parking_gateway.cli.demo.sensors import BOSCH, DINGTEK, MILESIGHT, NWAVE, PLACEPOD, Model
from parking_gateway.core.audience import Audience
from parking_gateway.core.events import DevEui
from parking_gateway.register.counters import CounterEntry
from parking_gateway.register.entries import Assignment, Entry, Place, Sheet
from parking_gateway.register.settings import Setting


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device as ChirpStack knows it."""

    dev_eui: DevEui
    name: str
    profile: str


class Sensor(Device, frozen=True, kw_only=True):
    """A sensor, and the space that it watches."""

    model: Model
    place: Place | None
    """None: it has no installation."""
    lost_after: int | None = None
    """Seconds of silence after which its contact is lost. Such a sensor falls silent now and then."""


ZONES: Final = (
    ("central", "level-0", 30, MILESIGHT),
    ("central", "level-1", 30, NWAVE),
    ("central", "level-2", 24, DINGTEK),
    ("station", "north", 20, BOSCH),
    ("station", "south", 16, PLACEPOD),
)
"""Site, zone, how many of 120 spaces it has, and the model of its sensors."""

UNASSIGNED: Final = (
    Sensor(dev_eui=DevEui("02dec0deffff0001"), name="spare sensor 1", profile=BOSCH.name, model=BOSCH, place=None),
    Sensor(
        dev_eui=DevEui("02dec0deffff0002"), name="spare sensor 2", profile=PLACEPOD.name, model=PLACEPOD, place=None
    ),
)
GATE: Final = Device(dev_eui=DevEui("02dec0deffff0003"), name="gate of the yard", profile="Milesight VS133")
LAMP: Final = Device(dev_eui=DevEui("02dec0deffff0004"), name="lamp", profile="Kuando Busylight")

YARD: Final = ("station", "yard")
"""The zone that is counted at its gate."""
YARD_CAPACITY: Final = 40
KEPT_ZONE: Final = ("central", "level-0")
"""Its reservations go on when a car leaves, and wait long for their cars."""
_SETTINGS: Final = (
    Setting(site="central", values={"time_zone": "Europe/Amsterdam", "lat": 52.3791, "lon": 4.9003}),
    Setting(site="central", zone="level-0", values={"keeps_on_leaving": True, "grace": 86_400}),
    Setting(site="central", zone="level-1", values={"grace": 4}),
    Setting(site="central", zone="level-2", values={"grace": 4, "max_stay": 15}),
    Setting(site="station", zone="north", values={"grace": 4}),
    Setting(site="station", zone="south", values={"grace": 4}),
    Setting(site=YARD[0], zone=YARD[1], values={"capacity": YARD_CAPACITY}),
)
_LOST_AFTER: Final = 5
_TENTH: Final = 10
_AUDIENCES: Final = {1: Audience.DISABLED, 2: Audience.EV, 3: Audience.EV}
"""Of ten spaces of a zone, by the number."""

_OPEN_AIR: Final = {"north": (52.37932, 4.89912), "south": (52.37871, 4.89968)}
"""Latitude and longitude of the first space of each zone that is not in a building. Its others stand in rows beside it."""
_ROW: Final = 10
_WIDTH, _LENGTH, _LANE = 2.6, 5.2, 6.0
"""Metres of a space and of the lane between two rows."""
_ANGLE: Final = radians(-12)
_METRES_PER_DEGREE: Final = 111_320

_WEIGHTS: Final = sum(weight for _, _, weight, _ in ZONES)


def build_sensors(spaces: int) -> list[Sensor]:
    """The sensors of a car park with this number of spaces, one for each, in all zones."""
    sensors: list[Sensor] = []
    reached = 0
    for letter, (site, zone, weight, model) in zip(ascii_lowercase, ZONES, strict=False):
        reached += weight
        first, last = len(sensors), spaces * reached // _WEIGHTS
        sensors += (_sensor(Place(site, zone, f"{letter}-{n - first + 1:03}"), n, model) for n in range(first, last))
    return [*sensors[:-1], msgspec.structs.replace(sensors[-1], lost_after=_LOST_AFTER)]


def sheet(sensors: Sequence[Sensor]) -> Sheet:
    """The register, as `parking-gateway spaces import` reads it from a file."""
    gate = CounterEntry(site=YARD[0], zone=YARD[1], dev_eui=GATE.dev_eui, codec="milesight_vs133")
    return Sheet(entries=tuple(entries(sensors)), settings=_SETTINGS, counters=(gate,))


def entries(sensors: Sequence[Sensor]) -> list[Entry]:
    """The spaces of these sensors. Some are for an audience."""
    return [
        Entry(
            place=sensor.place,
            assignment=Assignment(
                dev_eui=sensor.dev_eui,
                codec=sensor.model.codec,
                options=sensor.model.options,
                lost_after=sensor.lost_after,
            ),
            attributes=_attributes(sensor.place.zone, int(sensor.place.space.partition("-")[2])),
        )
        for sensor in sensors
        if sensor.place is not None
    ]


def _attributes(zone: str, number: int) -> dict[str, object]:
    audience: dict[str, object] = {"audience": _AUDIENCES.get(number % _TENTH)}
    if zone not in _OPEN_AIR:
        return audience
    north, east = _OPEN_AIR[zone]
    row, column = divmod(number - 1, _ROW)
    x, y = column * _WIDTH, row // 2 * (2 * _LENGTH + _LANE) + row % 2 * (_LENGTH + _LANE)
    lat = north - (y * cos(_ANGLE) + x * sin(_ANGLE)) / _METRES_PER_DEGREE
    lon = east + (x * cos(_ANGLE) - y * sin(_ANGLE)) / (_METRES_PER_DEGREE * cos(radians(north)))
    return audience | {"lat": round(lat, 7), "lon": round(lon, 7)}


def _sensor(place: Place, number: int, model: Model) -> Sensor:
    dev_eui = DevEui(f"02dec0de{number:08x}")
    name = f"{model.name} {place.zone} {place.space}"
    return Sensor(dev_eui=dev_eui, name=name, profile=model.name, model=model, place=place)
