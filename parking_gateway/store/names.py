"""Names of sites, zones and spaces: changed, and kept as former names for the history."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.space import SpaceId
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Statement, asks, command
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import TIME, device, former_name, installation, site, space, zone
from parking_gateway.store.tables.columns import never_published


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
_NOW: Final = sa.bindparam("now", type_=TIME)
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
_SPACES: Final = table_of(space.c.id)
_MOVED: Final = table_of(space.c.id, space.c.zone_id, space.c.name)
_NAMED: Final = table_of(sa.Column("id", sa.BigInteger), sa.Column("name", sa.Text))

_PRESENT: Final = sa.table(
    "space_name",
    *(sa.column(one.name, one.type) for one in former_name.c),
)
_BEGAN: Final = sa.select(
    _PRESENT.c.space,
    sa.func.greatest(_PRESENT.c.since, _NOW).label("until"),
    _PRESENT.c.since,
    _PRESENT.c.site,
    _PRESENT.c.zone,
    _PRESENT.c.name,
).where(_PRESENT.c.until == sa.literal_column("'infinity'"), _PRESENT.c.space.in_(sa.select(_SPACES.c.id)))
_KEEP: Final = Statement(
    pg.insert(former_name)
    .from_select(["space", "until", "since", "site", "zone", "name"], _BEGAN)
    .on_conflict_do_nothing()
)

# A gateway that publishes a row under its old name meanwhile notices it by `published_version`.
_LOCKED_SPACES: Final = locked_by_key(
    space.c.id, space.c.id == _MOVED.c.id, columns=(_MOVED.c.zone_id.label("zone_id"), _MOVED.c.name.label("name"))
)
_RENAME_SPACES: Final = Statement(
    space.update()
    .where(space.c.id == _LOCKED_SPACES.c.key)
    .values(
        zone_id=_LOCKED_SPACES.c.zone_id,
        name=_LOCKED_SPACES.c.name,
        version=space.c.version + 1,
        published_version=never_published(),
        updated_at=_NOW,
    )
)


def _rename(key: sa.Column[Any]) -> Statement:
    table = key.table
    locked = locked_by_key(key, key == _NAMED.c.id, columns=(_NAMED.c.name.label("name"),))
    values = {"name": locked.c.name, "version": table.c.version + 1, "published_version": never_published()}
    return Statement(table.update().where(key == locked.c.key).values(values))


_RENAME_ZONES: Final = _rename(zone.c.id)
_RENAME_SITES: Final = _rename(site.c.id)
_WATCHERS: Final = locked_by_key(
    device.c.dev_eui,
    device.c.dev_eui.in_(sa.select(installation.c.dev_eui).where(installation.c.space_id.in_(sa.select(_SPACES.c.id)))),
)
_TOUCH_WATCHERS: Final = Statement(
    device.update().where(device.c.dev_eui == _WATCHERS.c.key).values(version=device.c.version + 1)
)


def below(*, site: str, zone: str | None = None, space: str | None = None) -> Query[list[NamedPlace]]:
    """The spaces of this place with their names; none: it does not exist."""
    return asks(_FOUND, NamedPlace, {"site": site, "zone": zone, "space": space})


def everything() -> Query[list[NamedPlace]]:
    """The whole car park, by name."""
    return asks(_ALL, NamedPlace)


def keep(spaces: Collection[SpaceId], *, until: datetime | None) -> Query[None]:
    """Keep the present names of these spaces, because they end then. None: the spaces are removed, and these names are their last."""
    return command(_KEEP, _ids(spaces) | {"now": "infinity" if until is None else until})


def rename_spaces(spaces: Iterable[tuple[SpaceId, int, str]], *, now: datetime) -> Query[None]:
    """Give the spaces a zone and a name, which may be those that they have, and make them due."""
    rows = ({"id": key, "zone_id": zone_id, "name": name} for key, zone_id, name in spaces)
    return command(_RENAME_SPACES, encode(_MOVED, rows) | {"now": now})


def rename_zones(zones: Iterable[tuple[int, str]]) -> Query[None]:
    """Give the zones a name, which may be the one that they have, and make them due."""
    return command(_RENAME_ZONES, encode(_NAMED, ({"id": key, "name": name} for key, name in zones)))


def rename_site(key: int, name: str) -> Query[None]:
    """Give the site a name, and make it due."""
    return command(_RENAME_SITES, encode(_NAMED, [{"id": key, "name": name}]))


def touch_watchers(spaces: Collection[SpaceId]) -> Query[None]:
    """Make the devices of these spaces due, because their topics name the spaces."""
    return command(_TOUCH_WATCHERS, _ids(spaces))


def _ids(spaces: Collection[SpaceId]) -> dict[str, str]:
    return encode(_SPACES, ({"id": one} for one in spaces))
