"""Sites, zones and spaces by their names: made known, and listed. What happens on a space is in `spaces`."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.space import Contact, SpaceId, SpaceState
from parking_gateway.store.database import Connection
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import installation, site, space, zone

Names = tuple[str, str, str]
"""Of the site, the zone, and the space."""


class ListedSpace(msgspec.Struct, frozen=True, kw_only=True):
    """A space as people look at it, with the installation that it has."""

    site: str
    zone: str
    space: str
    state: SpaceState
    since: datetime
    occupancy: str
    contact: Contact
    battery_percent: int | None
    reservation: str | None
    maintenance_reason: str | None
    version: int
    dev_eui: str | None
    channel: int | None
    codec: str | None
    options: dict[str, str] | None
    lost_after: int | None


# Keeps another register out, and no uplink.
_LOCK_REGISTER: Final = sa.text("lock table installation in share update exclusive mode")

_NAMES: Final = table_of(
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("space", sa.Text, nullable=False),
)
_NAMED_SITE: Final = site.c.name == _NAMES.c.site
_NAMED_ZONE: Final = sa.and_(zone.c.site_id == site.c.id, zone.c.name == _NAMES.c.zone)
_NAMED_SPACE: Final = sa.and_(space.c.zone_id == zone.c.id, space.c.name == _NAMES.c.space)

_ADD_SITES: Final = site.insert().from_select(
    [site.c.name],
    sa.select(_NAMES.c.site)
    .distinct()
    .outerjoin_from(_NAMES, site, _NAMED_SITE)
    .where(site.c.id.is_(None))
    .order_by(_NAMES.c.site),
)
_ADD_ZONES: Final = zone.insert().from_select(
    [zone.c.site_id, zone.c.name],
    sa.select(site.c.id, _NAMES.c.zone)
    .distinct()
    .select_from(_NAMES.join(site, _NAMED_SITE).outerjoin(zone, _NAMED_ZONE))
    .where(zone.c.id.is_(None))
    .order_by(site.c.id, _NAMES.c.zone),
)
_IN_ZONES: Final = _NAMES.join(site, _NAMED_SITE).join(zone, _NAMED_ZONE)
_ADD_SPACES: Final = (
    space.insert()
    .from_select(
        [space.c.zone_id, space.c.name],
        sa.select(zone.c.id, _NAMES.c.space)
        .select_from(_IN_ZONES.outerjoin(space, _NAMED_SPACE))
        .where(space.c.id.is_(None))
        .order_by(zone.c.id, _NAMES.c.space),
    )
    .returning(space.c.id)
)
_IDS: Final = sa.select(*_NAMES.c, space.c.id).select_from(_IN_ZONES.join(space, _NAMED_SPACE))

_CAR_PARK: Final = space.join(zone).join(site)
_LIST: Final = (
    sa.select(
        site.c.name.label("site"),
        zone.c.name.label("zone"),
        space.c.name.label("space"),
        space.c.state,
        space.c.since,
        sa.func.coalesce(space.c.occupancy, "unknown").label("occupancy"),
        space.c.contact,
        space.c.battery_percent,
        space.c.reservation,
        space.c.maintenance_reason,
        space.c.version,
        installation.c.dev_eui,
        installation.c.channel,
        installation.c.codec,
        installation.c.options,
        installation.c.lost_after,
    )
    .select_from(_CAR_PARK.outerjoin(installation, installation.c.space_id == space.c.id))
    .order_by(site.c.name, zone.c.name, space.c.name, installation.c.dev_eui)
)
_BY_ID: Final = table_of(space.c.id)
_NAMES_OF: Final = sa.select(space.c.id, site.c.name, zone.c.name, space.c.name).select_from(
    _CAR_PARK.join(_BY_ID, space.c.id == _BY_ID.c.id)
)
_NEIGHBOURS: Final = (
    sa.select(space.c.name)
    .select_from(_CAR_PARK)
    .where(site.c.name == sa.bindparam("site"), zone.c.name == sa.bindparam("zone"))
    .order_by(space.c.name)
)


async def lock_register(connection: Connection) -> None:
    """Wait until nobody else changes the register, and keep it so until the transaction ends. Readers go on."""
    await connection.execute(_LOCK_REGISTER)


async def add(connection: Connection, names: Collection[Names]) -> tuple[dict[Names, SpaceId], list[SpaceId]]:
    """Make these spaces known, with their zones and sites. Returns the ids of all, and of those that are new.

    New rows are due for publication, and once the spaces are published their zones and sites are counted again.
    """
    rows = encode(_NAMES, ({"site": site, "zone": zone, "space": name} for site, zone, name in names))
    zones = encode(_NAMES, ({"site": site, "zone": zone} for site, zone in {(site, zone) for site, zone, _ in names}))
    await connection.execute(_ADD_SITES, zones)
    await connection.execute(_ADD_ZONES, zones)
    new = list(await connection.scalars(_ADD_SPACES, rows))
    found = await connection.execute(_IDS, rows)
    return {(one.site, one.zone, one.space): one.id for one in found}, new


async def listed(connection: Connection) -> list[ListedSpace]:
    """Every space, by site, zone and name."""
    found = await connection.execute(_LIST)
    return [ListedSpace(**row) for row in found.mappings()]


async def names(connection: Connection, spaces: Iterable[SpaceId]) -> dict[SpaceId, Names]:
    """What these spaces are called."""
    found = await connection.execute(_NAMES_OF, encode(_BY_ID, ({"id": one} for one in spaces)))
    return {space_id: (site, zone, name) for space_id, site, zone, name in found}


async def neighbours(connection: Connection, *, site: str, zone: str) -> list[str]:
    """The names of the spaces of a zone."""
    return list(await connection.scalars(_NEIGHBOURS, {"site": site, "zone": zone}))
