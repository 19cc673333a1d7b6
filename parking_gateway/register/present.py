"""The present register: as entries and settings, which can be written to a file, and its names."""

import difflib

from parking_gateway.core.events import DevEui
from parking_gateway.core.sensor import SensorRule
from parking_gateway.register.entries import ATTRIBUTES, Assignment, Entry, Mistake, Place
from parking_gateway.register.settings import SETTINGS, Setting
from parking_gateway.store import car_park, settings
from parking_gateway.store.database import Connection


async def registered(connection: Connection) -> list[Entry]:
    """The entries of the present register."""
    (spaces,) = await connection.together(car_park.listed())
    return [
        Entry(
            place=Place(one.site, one.zone, one.space),
            sensors=None if one.sensors is None else SensorRule(one.sensors),
            assignment=None
            if one.dev_eui is None
            else Assignment(
                dev_eui=DevEui(one.dev_eui),
                channel=one.channel or 0,
                codec=one.codec,
                options=one.options or {},
                lost_after=one.lost_after,
            ),
            attributes={name: getattr(one, name) for name in ATTRIBUTES},
        )
        for one in spaces
    ]


async def registered_settings(connection: Connection) -> list[Setting]:
    """The present settings of sites and zones that have any."""
    sites, zones = await connection.together(
        settings.listed(list(SETTINGS["sites"]), of_sites=True),
        settings.listed(list(SETTINGS["zones"]), of_sites=False),
    )
    found = [
        *(Setting(site=row["site"], values={key: row[key] for key in SETTINGS["sites"]}) for row in sites),
        *(
            Setting(site=row["site"], zone=row["zone"], values={key: row[key] for key in SETTINGS["zones"]})
            for row in zones
        ),
    ]
    return [one for one in found if any(value not in {None, "UTC"} for value in one.values.values())]


async def unknown_space(connection: Connection, place: Place) -> Mistake | None:
    """The reason why nothing can be installed there; None: the space exists."""
    (names,) = await connection.together(car_park.neighbours(site=place.site, zone=place.zone))
    if place.space in names:
        return None
    near = difflib.get_close_matches(place.space, names, n=1)
    hint = f"did you mean {place._replace(space=near[0])}?" if near else "`parking-gateway spaces list` lists all"
    return Mistake("", f"There is no space {place}; {hint}")
