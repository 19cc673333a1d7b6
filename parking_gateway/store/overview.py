"""Pages of spaces, zones, sites and devices, in the order of their names. A page begins behind the names of the last row before it.

Each page is one statement that reads its rows from an index, so the last page of 100,000 spaces costs as much as the first.
`stay_pages` has the past.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.due import DueCounts, DueDevice
from parking_gateway.core.overview import Position, WholeCounts, WholeSpace
from parking_gateway.store.due_counts import counted, of_counted_zones, site_of, zone_of
from parking_gateway.store.due_devices import DEVICES, device_of
from parking_gateway.store.due_rows import ALL_SPACES, space_of
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.tables import device, installation, site, space, zone


class WantedSpaces(msgspec.Struct, frozen=True, kw_only=True):
    """Which spaces are wanted. None: that does not matter."""

    site: str | None = None
    zone: str | None = None
    state: str | None = None
    contact: str | None = None
    audience: str | None = None
    with_position: bool = False
    """Only those that have one."""


class WantedDevices(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices are wanted. None: that does not matter."""

    site: str | None = None
    zone: str | None = None
    contact: str | None = None
    problem: str | None = None
    has_problem: bool | None = None


# Spaces

# Zones come in the order of their names; within a zone, the index of its names has the spaces in their order. So zones behind the
# page are not read.
_SPACES_OF_A_PAGE: Final = """
select candidate.id
from (
    select zone.id, site.name as site_name, zone.name as zone_name
    from site
    join zone on zone.site_id = site.id
    where true{of_zone}
    order by site.name, zone.name
    offset 0
) as place
cross join lateral (
    select space.id, space.name
    from space
    where space.zone_id = place.id{of_space}
    order by space.name
    limit cast(:limit as bigint)
) as candidate
order by place.site_name, place.zone_name, candidate.name
limit cast(:limit as bigint)
"""
_OF_ZONE: Final = {
    "after_site": "(site.name, zone.name) >= (cast(:after_site as text), cast(:after_zone as text))",
    "site": "site.name = cast(:site as text)",
    "zone": "zone.name = cast(:zone as text)",
}
_OF_SPACE: Final = {
    "after_site": """space.name > case
        when place.site_name = cast(:after_site as text) and place.zone_name = cast(:after_zone as text)
        then cast(:after_space as text) else ''
    end""",
    "state": "space.state = cast(:state as text)",
    "contact": "space.contact = cast(:contact as text)",
    "audience": "space.audience = cast(:audience as text)",
    "with_position": "space.lat is not null",
}
_SENSOR: Final = (
    sa.select(installation.c.dev_eui)
    .where(installation.c.space_id == space.c.id)
    .order_by(installation.c.dev_eui)
    .limit(1)
    .scalar_subquery()
)
_WHOLE_SPACES: Final = ALL_SPACES.add_columns(
    space.c.lat, space.c.lon, space.c.purpose, space.c.max_stay, space.c.tags, _SENSOR
).order_by(site.c.name, zone.c.name, space.c.name)
_NAMED: Final = {name: sa.bindparam(name, type_=sa.Text) for name in ("site", "zone", "space")}


def _listed_in(sql: str) -> sa.ScalarSelect[Any]:
    """The ids that a text of SQL selects."""
    return sa.select(sa.text(sql).columns(sa.column("id", sa.BigInteger)).subquery().c.id).scalar_subquery()


@cache
def _spaces_statement(given: frozenset[str]) -> Statement:
    """The statement with these conditions only, because PostgreSQL plans badly with conditions that may not hold."""
    of_space, of_zone = (
        "".join(f"\n    and {text}" for name, text in conditions.items() if name in given)
        for conditions in (_OF_SPACE, _OF_ZONE)
    )
    page = _SPACES_OF_A_PAGE.format(of_space=of_space, of_zone=of_zone)
    # Not `in`, because PostgreSQL expects many ids where it does not know the limit, and then reads the whole table.
    return Statement(_WHOLE_SPACES.where(space.c.id == sa.any_(sa.func.array(_listed_in(page)))))


_SPACE: Final = Statement(
    _WHOLE_SPACES.where(site.c.name == _NAMED["site"], zone.c.name == _NAMED["zone"], space.c.name == _NAMED["space"])
)

# Zones and sites

_ZONES_OF_A_PAGE: Final = """
select zone.id
from zone
join site on site.id = zone.site_id
where (site.name, zone.name) > (coalesce(cast(:after_site as text), ''), coalesce(cast(:after_zone as text), ''))
    and (cast(:site as text) is null or site.name = cast(:site as text))
    and (cast(:zone as text) is null or zone.name = cast(:zone as text))
order by site.name, zone.name
limit cast(:limit as bigint)
"""
_SITES_OF_A_PAGE: Final = """
select site.id
from site
where site.name > coalesce(cast(:after_site as text), '')
    and (cast(:site as text) is null or site.name = cast(:site as text))
order by site.name
limit cast(:limit as bigint)
"""
_DIGITS: Final = 7
"""Of degrees: a centimetre."""
_WHOLE: Final = (
    sa.func.max(space.c.updated_at),
    sa.func.avg(space.c.lat),
    sa.func.avg(space.c.lon),
    site.c.lat,
    site.c.lon,
    site.c.time_zone,
)
_BESIDE: Final = len(_WHOLE) + len(of_counted_zones(site))
"""Columns beside the numbers."""
_ZONES: Final = Statement(
    counted(_listed_in(_ZONES_OF_A_PAGE), zone, site.c.name, zone.c.name)
    .add_columns(*_WHOLE, *of_counted_zones(zone))
    .group_by(site.c.id)
    .order_by(site.c.name, zone.c.name)
)
_SITES: Final = Statement(
    counted(_listed_in(_SITES_OF_A_PAGE), site, site.c.name)
    .add_columns(*_WHOLE, *of_counted_zones(site))
    .order_by(site.c.name)
)

# Devices

_AFTER_DEVICE: Final = sa.bindparam("after", type_=device.c.dev_eui.type)
_DEVICES: Final = Statement(
    DEVICES.where(
        device.c.dev_eui > sa.func.coalesce(_AFTER_DEVICE, ""),
        sa.text("(cast(:site as text) is null or site.name = cast(:site as text))"),
        sa.text("(cast(:zone as text) is null or zone.name = cast(:zone as text))"),
        sa.text("(cast(:contact as text) is null or device.contact = cast(:contact as text))"),
        sa.text("(cast(:problem as text) is null or cast(:problem as text) = any(device.problems))"),
        sa.text(
            "(cast(:has_problem as boolean) is null"
            " or cast(:has_problem as boolean) = (cardinality(device.problems) > 0))"
        ),
    )
    .order_by(device.c.dev_eui)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_DEVICE: Final = Statement(DEVICES.where(device.c.dev_eui == sa.bindparam("dev_eui", type_=device.c.dev_eui.type)))


def spaces(wanted: WantedSpaces, *, after: Sequence[str], limit: int) -> Query[list[WholeSpace]]:
    """The first `limit` spaces by site, zone and name, behind the space with the names `after`; () is the beginning."""
    arguments = msgspec.structs.asdict(wanted) | _behind(after, "after_site", "after_zone", "after_space")
    statement = _spaces_statement(frozenset(name for name, value in arguments.items() if value))
    return Query(statement=statement, arguments=arguments | {"limit": limit}, read=_spaces)


def space_named(site_name: str, zone_name: str, name: str) -> Query[list[WholeSpace]]:
    """The space with these names, if there is one."""
    return Query(statement=_SPACE, arguments={"site": site_name, "zone": zone_name, "space": name}, read=_spaces)


def zones(
    *, after: Sequence[str] = (), limit: int, site: str | None = None, zone: str | None = None
) -> Query[list[WholeCounts]]:
    """The first `limit` zones by site and name, behind the zone with the names `after`."""
    arguments = _behind(after, "after_site", "after_zone") | {"site": site, "zone": zone, "limit": limit}
    return Query(
        statement=_ZONES,
        arguments=arguments,
        read=lambda rows: [_whole(zone_of(row[:-_BESIDE]), *row[-_BESIDE:]) for row in rows],
    )


def sites(*, after: Sequence[str] = (), limit: int, site: str | None = None) -> Query[list[WholeCounts]]:
    """The first `limit` sites by name, behind the site with the name `after`."""
    arguments = _behind(after, "after_site") | {"site": site, "limit": limit}
    return Query(
        statement=_SITES,
        arguments=arguments,
        read=lambda rows: [_whole(site_of(row[:-_BESIDE]), *row[-_BESIDE:]) for row in rows],
    )


def devices(wanted: WantedDevices, *, after: str | None, limit: int) -> Query[list[DueDevice]]:
    """The first `limit` devices by DevEUI, behind the device `after`."""
    arguments = msgspec.structs.asdict(wanted) | {"after": after, "limit": limit}
    return Query(statement=_DEVICES, arguments=arguments, read=_devices)


def device_with(dev_eui: str) -> Query[list[DueDevice]]:
    """The device with this DevEUI, if there is one."""
    return Query(statement=_DEVICE, arguments={"dev_eui": dev_eui}, read=_devices)


def _behind(after: Sequence[str], *names: str) -> dict[str, Any]:
    return dict(zip(names, after, strict=True)) if after else dict.fromkeys(names)


def _spaces(rows: Rows) -> list[WholeSpace]:
    found = []
    for *state, lat, lon, purpose, max_stay, tags, dev_eui in rows:
        found.append(
            WholeSpace(
                state=space_of(tuple(state)),
                position=None if lat is None else Position(lat, lon),
                purpose=purpose,
                max_stay=max_stay,
                tags=tags,
                dev_eui=dev_eui,
            )
        )
    return found


def _whole(counts: DueCounts, updated_at: datetime | None, *others: Any) -> WholeCounts:
    lat, lon, site_lat, site_lon, time_zone, counted_at, places, silent = others
    position = None if lat is None else Position(round(lat, _DIGITS), round(lon, _DIGITS))
    if (counts.zone is None or position is None) and None not in (site_lat, site_lon):
        position = Position(site_lat, site_lon)
    return WholeCounts(
        counts=counts,
        time_zone=time_zone,
        position=position,
        updated_at=max((one for one in (updated_at, counted_at) if one is not None), default=None),
        counted=places,
        silent=silent,
    )


def _devices(rows: Rows) -> list[DueDevice]:
    return [device_of(row) for row in rows]
