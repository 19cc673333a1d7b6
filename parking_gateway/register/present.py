"""The present register: as entries and settings, which can be written to a file."""

from collections.abc import Mapping
from typing import Any

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.sensor import SensorRule
from parking_gateway.core.stay_limit import StayLimit
from parking_gateway.register.entries import ATTRIBUTES, Assignment, Entry, Place
from parking_gateway.register.settings import DEFAULTS, SETTINGS, Kind, Setting
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
                observe=one.observe,
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
        *(Setting(site=row["site"], values=_given(row, "sites")) for row in sites),
        *(Setting(site=row["site"], zone=row["zone"], values=_given(row, "zones")) for row in zones),
    ]
    return [one for one in found if one.values]


def _given(row: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """The settings that are not the default."""
    values = {key: row[key] for key in SETTINGS[kind] if row[key] is not None and row[key] != DEFAULTS.get(key)}
    if "stay_limits" in values:
        values["stay_limits"] = msgspec.convert(values["stay_limits"], list[StayLimit])
    return values
