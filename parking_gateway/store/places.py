"""Places by their names, as people name them: sites, zones and spaces."""

from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.tables import site, space, zone


class NamedPlace(NamedTuple):
    """A site, zone or space with its names. A site without zones, or a zone without spaces, is one too."""

    site_id: int
    zone_id: int | None
    space_id: SpaceId | None
    site: str
    zone: str | None
    space: str | None


_SITE: Final = sa.bindparam("site", type_=sa.Text)
_ZONE: Final = sa.bindparam("zone", type_=sa.Text)
_SPACE: Final = sa.bindparam("space", type_=sa.Text)

_FOUND: Final = Statement(
    sa.select(site.c.id, zone.c.id, space.c.id, site.c.name, zone.c.name, space.c.name)
    .select_from(site.outerjoin(zone).outerjoin(space))
    .where(
        site.c.name == _SITE,
        sa.or_(_ZONE.is_(None), zone.c.name == _ZONE),
        sa.or_(_SPACE.is_(None), space.c.name == _SPACE),
    )
    .order_by(space.c.id, zone.c.id)
)

_ALL: Final = Statement(
    sa.select(site.c.id, zone.c.id, space.c.id, site.c.name, zone.c.name, space.c.name)
    .select_from(site.outerjoin(zone).outerjoin(space))
    .order_by(site.c.name, zone.c.name, space.c.name)
)
_IN_ZONE: Final = site.c.name + "/" + zone.c.name
_NAMED: Final = Statement(
    sa.union_all(
        sa.select(site.c.name),
        sa.select(_IN_ZONE).select_from(zone.join(site)),
        sa.select(_IN_ZONE + "/" + space.c.name).select_from(space.join(zone).join(site)),
    )
)

_TIME_ZONE: Final = Statement(sa.select(site.c.time_zone).where(site.c.name == _SITE))

_ZONE_ID: Final = Statement(
    sa.select(zone.c.id).join_from(zone, site).where(site.c.name == _SITE, zone.c.name == _ZONE)
)


def zone_id(*, site: str, zone: str) -> Query[list[int]]:
    """The id of a zone, if there is one."""
    return asks(_ZONE_ID, int, {"site": site, "zone": zone})


def time_zone(site: str) -> Query[str]:
    """The name of the time zone of a site; UTC if there is no such site."""
    return Query(statement=_TIME_ZONE, arguments={"site": site}, read=_time_zone)


def below(*, site: str, zone: str | None = None, space: str | None = None) -> Query[list[NamedPlace]]:
    """The spaces of this place with their names; none: it does not exist."""
    return asks(_FOUND, NamedPlace, {"site": site, "zone": zone, "space": space})


def everything() -> Query[list[NamedPlace]]:
    """The whole car park, by name."""
    return asks(_ALL, NamedPlace)


def named() -> Query[list[str]]:
    """The names of all places, as `site`, `site/zone` and `site/zone/space`."""
    return asks(_NAMED, str)


def _time_zone(rows: Rows) -> str:
    return rows[0][0] if rows else "UTC"
