"""Changes of the names of sites, zones and spaces, whose former names are kept for the history. `places` finds them by their names."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.space import SpaceId
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Statement, command
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import TIME, counter, device, former_name, installation, site, space, zone
from parking_gateway.store.tables.columns import never_published

_NOW: Final = sa.bindparam("now", type_=TIME)
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
    device.c.dev_eui.in_(
        sa.union_all(
            sa.select(installation.c.dev_eui).where(installation.c.space_id.in_(sa.select(_SPACES.c.id))),
            sa.select(counter.c.dev_eui).where(counter.c.zone_id.in_(listed("zones", sa.BigInteger))),
        )
    ),
)
_TOUCH_WATCHERS: Final = Statement(
    device.update().where(device.c.dev_eui == _WATCHERS.c.key).values(version=device.c.version + 1)
)


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


def touch_watchers(spaces: Collection[SpaceId], zones: Collection[int]) -> Query[None]:
    """Make the devices that watch these spaces or count these zones due, because their messages name the spaces and zones."""
    return command(_TOUCH_WATCHERS, _ids(spaces) | {"zones": array_of(list(zones))})


def _ids(spaces: Collection[SpaceId]) -> dict[str, str]:
    return encode(_SPACES, ({"id": one} for one in spaces))
