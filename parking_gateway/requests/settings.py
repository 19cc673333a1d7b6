"""Verbs that change settings of zones and sites."""

from typing import Annotated

import msgspec

from parking_gateway.register.describing import apply_settings
from parking_gateway.register.settings import Kind, setting_of
from parking_gateway.register.toml_files import text_of_value
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfSite, OfZone
from parking_gateway.requests.register import named_of_locked
from parking_gateway.requests.verbs import verb
from parking_gateway.store import car_park

Settings = Annotated[
    dict[str, str | int | float | bool | list[str] | None],
    msgspec.Meta(description="The settings that change, by their names in the register's file; null: the default."),
]


class ZoneSet(OfZone, frozen=True, kw_only=True):
    """Change settings of a zone."""

    settings: Settings


class SiteSet(OfSite, frozen=True, kw_only=True):
    """Change settings of a site."""

    settings: Settings


@verb("zone/set", ZoneSet)
async def zone_set(desk: Desk, asked: ZoneSet) -> Answer | Refusal:
    """Change settings of a zone."""
    return await _set(desk, asked, "zones", {"site": asked.site, "zone": asked.zone})


@verb("site/set", SiteSet)
async def site_set(desk: Desk, asked: SiteSet) -> Answer | Refusal:
    """Change settings of a site."""
    return await _set(desk, asked, "sites", {"site": asked.site})


async def _set(desk: Desk, asked: ZoneSet | SiteSet, kind: Kind, place: dict[str, str]) -> Answer | Refusal:
    found = await named_of_locked(desk, asked)
    if isinstance(found, Refusal):
        return found
    given = {key: "" if value is None else text_of_value(value) for key, value in asked.settings.items()}
    setting, refusals = setting_of(kind, given | place)
    if setting is None:
        return Refusal(Code.INVALID, "; ".join(refusals))
    await desk.connection.together(*car_park.lock_zones())
    changed = await apply_settings(desk.connection, [setting], now=desk.now)
    return Answer({"changed": bool(changed)})
