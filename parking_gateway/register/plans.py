"""The floor plan of a zone in the database: written in place of an earlier one, or removed."""

import msgspec

from parking_gateway.register.plan_files import places_of, read
from parking_gateway.store import places, plans
from parking_gateway.store.database import Connection
from parking_gateway.store.plans import Plan, PlanFile, Point


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan."""

    width: float
    height: float
    placed: list[str]
    """The spaces that are on the plan."""
    unplaced: list[str]
    """The spaces of the zone that are not."""


class NoZone(LookupError):  # noqa: N818 - of what there is
    """There is no zone of this name. The message is a sentence."""


async def write(connection: Connection, *, site: str, zone: str, content: bytes, csv: str | None) -> Drawn:
    """Write the plan. Places of the CSV file win over those of the drawing. Raises NoZone and Unreadable."""
    key = await _zone(connection, site=site, zone=zone)
    (spaces,) = await connection.together(plans.spaces_of_zone(key))
    drawing = read(content, spaces=spaces)
    found: dict[str, Point] = dict(drawing.places)
    if csv is not None:
        found |= places_of(csv, spaces=spaces, width=drawing.width, height=drawing.height)
    file = PlanFile(drawing.media_type, drawing.content)
    described = Plan(digest=drawing.digest, width=drawing.width, height=drawing.height)
    await connection.together(*plans.replace(key, file, described, {spaces[name]: at for name, at in found.items()}))
    return Drawn(
        width=drawing.width,
        height=drawing.height,
        placed=[name for name in spaces if name in found],
        unplaced=[name for name in spaces if name not in found],
    )


async def remove(connection: Connection, *, site: str, zone: str) -> None:
    """Remove the plan. Raises NoZone."""
    await connection.together(*plans.remove(await _zone(connection, site=site, zone=zone)))


async def _zone(connection: Connection, *, site: str, zone: str) -> int:
    (found,) = await connection.together(places.zone_id(site=site, zone=zone))
    if not found:
        raise NoZone(f"There is no zone {site}/{zone}.")
    return found[0]
