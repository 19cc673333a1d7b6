"""The sample car park: two sites, five zones with one model of sensor each, and two sensors without an installation."""

from collections.abc import Iterable
from string import ascii_lowercase
from typing import Final

import msgspec

from parking_gateway.cli.demo.sensors import BOSCH, DINGTEK, MILESIGHT, NWAVE, PLACEPOD, Model
from parking_gateway.core.events import DevEui
from parking_gateway.register.entries import Assignment, Entry, Place


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor, and the space that it watches."""

    dev_eui: DevEui
    name: str
    model: Model
    place: Place | None
    """None: it has no installation."""


ZONES: Final = (
    ("central", "level-0", 30, MILESIGHT),
    ("central", "level-1", 30, NWAVE),
    ("central", "level-2", 24, DINGTEK),
    ("station", "north", 20, BOSCH),
    ("station", "south", 16, PLACEPOD),
)
"""Site, zone, how many of 120 spaces it has, and the model of its sensors."""

UNASSIGNED: Final = (
    Sensor(dev_eui=DevEui("02dec0deffff0001"), name="spare sensor 1", model=BOSCH, place=None),
    Sensor(dev_eui=DevEui("02dec0deffff0002"), name="spare sensor 2", model=PLACEPOD, place=None),
)

_WEIGHTS: Final = sum(weight for _, _, weight, _ in ZONES)


def build_sensors(spaces: int) -> list[Sensor]:
    """The sensors of a car park with this number of spaces, one for each, in all zones."""
    sensors: list[Sensor] = []
    reached = 0
    for letter, (site, zone, weight, model) in zip(ascii_lowercase, ZONES, strict=False):
        reached += weight
        first, last = len(sensors), spaces * reached // _WEIGHTS
        sensors += (_sensor(Place(site, zone, f"{letter}-{n - first + 1:03}"), n, model) for n in range(first, last))
    return sensors


def entries(sensors: Iterable[Sensor]) -> list[Entry]:
    """The register entries of these sensors, as `parking-gateway spaces import` reads them from a file."""
    return [
        Entry(
            place=sensor.place,
            assignment=Assignment(dev_eui=sensor.dev_eui, codec=sensor.model.codec, options=sensor.model.options),
        )
        for sensor in sensors
        if sensor.place is not None
    ]


def _sensor(place: Place, number: int, model: Model) -> Sensor:
    dev_eui = DevEui(f"02dec0de{number:08x}")
    return Sensor(dev_eui=dev_eui, name=f"{model.name} {place.zone} {place.space}", model=model, place=place)
