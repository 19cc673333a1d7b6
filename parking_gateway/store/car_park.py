"""Sites, zones and spaces by their names: added and listed. `spaces` has the states of spaces."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.audience import Audience
from parking_gateway.core.space import Contact, SpaceId, SpaceState
from parking_gateway.store.attributes import COLUMNS as ATTRIBUTES
from parking_gateway.store.query import Query, Rows, Statement, asks, command
from parking_gateway.store.rows import Arguments, encode, table_of
from parking_gateway.store.tables import installation, site, space, zone

Names = tuple[str, str, str]
"""Of the site, the zone, and the space."""


class ListedSpace(msgspec.Struct, frozen=True):
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
    observe: int | None
    sensors: str | None
    """The rule of a space with several sensors."""
    audience: Audience | None
    purpose: str | None
    lat: float | None
    lon: float | None
    max_stay: int | None
    tags: list[str]


# It keeps another import out, and no uplink.
_LOCK_REGISTER: Final = Statement(sa.text("lock table installation in share update exclusive mode"))

_LOCK_ZONES: Final = tuple(
    Statement(sa.select(table.c.id).order_by(table.c.id).with_for_update(key_share=True)) for table in (zone, site)
)

_NAMES: Final = table_of(
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("space", sa.Text, nullable=False),
)
_NAMED_SITE: Final = site.c.name == _NAMES.c.site
_NAMED_ZONE: Final = sa.and_(zone.c.site_id == site.c.id, zone.c.name == _NAMES.c.zone)
_NAMED_SPACE: Final = sa.and_(space.c.zone_id == zone.c.id, space.c.name == _NAMES.c.space)

_ADD_SITES: Final = Statement(
    site.insert().from_select(
        [site.c.name],
        sa.select(_NAMES.c.site)
        .distinct()
        .outerjoin_from(_NAMES, site, _NAMED_SITE)
        .where(site.c.id.is_(None))
        .order_by(_NAMES.c.site),
    )
)
_ADD_ZONES: Final = Statement(
    zone.insert().from_select(
        [zone.c.site_id, zone.c.name],
        sa.select(site.c.id, _NAMES.c.zone)
        .distinct()
        .select_from(_NAMES.join(site, _NAMED_SITE).outerjoin(zone, _NAMED_ZONE))
        .where(zone.c.id.is_(None))
        .order_by(site.c.id, _NAMES.c.zone),
    )
)
_IN_ZONES: Final = _NAMES.join(site, _NAMED_SITE).join(zone, _NAMED_ZONE)
_ADD_SPACES: Final = Statement(
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
_IDS: Final = Statement(sa.select(*_NAMES.c, space.c.id).select_from(_IN_ZONES.join(space, _NAMED_SPACE)))

_CAR_PARK: Final = space.join(zone).join(site)
_LIST: Final = Statement(
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
        installation.c.observe,
        space.c.sensors["rule"].astext.label("sensors"),
        *ATTRIBUTES,
    )
    .select_from(_CAR_PARK.outerjoin(installation, installation.c.space_id == space.c.id))
    .order_by(site.c.name, zone.c.name, space.c.name, installation.c.dev_eui)
)
_BY_ID: Final = table_of(space.c.id)
_NAMES_OF: Final = Statement(
    sa.select(space.c.id, site.c.name, zone.c.name, space.c.name).select_from(
        _CAR_PARK.join(_BY_ID, space.c.id == _BY_ID.c.id)
    )
)


def lock_register() -> Query[None]:
    """Lock the register until the transaction ends: another import waits, readers go on."""
    return command(_LOCK_REGISTER)


def lock_zones() -> list[Query[None]]:
    """Lock all zones and sites in their order until the transaction ends, for changes of several kinds. They are few."""
    return [command(statement) for statement in _LOCK_ZONES]


def add_zones(names: Iterable[tuple[str, str | None]]) -> list[Query[None]]:
    """Add the sites and zones that are not there yet. Without a zone, the name is that of a site."""
    wanted = set(names)
    sites = encode(_NAMES, ({"site": site} for site in {site for site, _ in wanted}))
    zones = encode(_NAMES, ({"site": site, "zone": zone} for site, zone in wanted if zone is not None))
    return [command(_ADD_SITES, sites), command(_ADD_ZONES, zones)]


def add(names: Iterable[Names]) -> Query[list[SpaceId]]:
    """Add the spaces that are not there yet; their zones are. The answer are the ids of the new ones.

    New rows are due for publication, and once the spaces are published their zones and sites are counted again.
    """
    return asks(_ADD_SPACES, SpaceId, _names(names))


def ids(names: Iterable[Names]) -> Query[dict[Names, SpaceId]]:
    """The ids of these spaces, as far as they are there."""
    return Query(statement=_IDS, arguments=_names(names), read=_ids)


def listed() -> Query[list[ListedSpace]]:
    """Every space, by site, zone and name."""
    return asks(_LIST, ListedSpace)


def space_names(spaces: Iterable[SpaceId]) -> Query[dict[SpaceId, Names]]:
    """The names of these spaces."""
    return Query(statement=_NAMES_OF, arguments=encode(_BY_ID, ({"id": one} for one in spaces)), read=_names_by_id)


def _names(names: Iterable[Names]) -> Arguments:
    return encode(_NAMES, ({"site": site, "zone": zone, "space": name} for site, zone, name in names))


def _ids(rows: Rows) -> dict[Names, SpaceId]:
    return {(site, zone, name): space_id for site, zone, name, space_id in rows}


def _names_by_id(rows: Rows) -> dict[SpaceId, Names]:
    return {space_id: (site, zone, name) for space_id, site, zone, name in rows}
