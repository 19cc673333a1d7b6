"""Zones that are counted at their entries and exits: their counts and their settings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.counting import ZoneCount, ZoneId
from parking_gateway.store.query import Query, Rows, Statement, asks, command
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import TIME, site, zone

CARS: Final = sa.func.least(zone.c.count, zone.c.capacity)
"""The cars in a counted zone, which may have got a smaller capacity."""

_COUNTS: Final = table_of(zone.c.id, zone.c.count, zone.c.drift, zone.c.counted_since)
_SAVE_COUNTS: Final = Statement(
    zone.update()
    .where(zone.c.id == _COUNTS.c.id)
    .values(
        count=_COUNTS.c.count,
        drift=_COUNTS.c.drift,
        counted_since=_COUNTS.c.counted_since,
        version=zone.c.version + 1,
    )
)
_LOCKED_SITES: Final = (
    sa.select(site.c.id)
    .where(site.c.id.in_(sa.select(zone.c.site_id).where(zone.c.id.in_(listed("zones", sa.BigInteger)))))
    .order_by(site.c.id)
    .with_for_update(key_share=True)
    .cte("touched")
)
_RECOUNT_SITES: Final = Statement(
    site.update().where(site.c.id == _LOCKED_SITES.c.id).values(version=site.c.version + 1)
)
_ALL_SITES: Final = sa.select(site.c.id).order_by(site.c.id).with_for_update(key_share=True).cte("touched")
_RECOUNT_ALL_SITES: Final = Statement(
    site.update().where(site.c.id == _ALL_SITES.c.id).values(version=site.c.version + 1)
)
_ZONE: Final = Statement(
    sa.select(zone.c.id, zone.c.capacity, CARS, zone.c.drift, zone.c.counted_since)
    .select_from(zone.join(site))
    .where(site.c.name == sa.bindparam("site", type_=sa.Text), zone.c.name == sa.bindparam("zone_name", type_=sa.Text))
    .with_for_update(of=zone, key_share=True)
)
_RESETTING: Final = Statement(
    sa.select(zone.c.id, zone.c.capacity, zone.c.counted_since, zone.c.resets_at, site.c.time_zone)
    .select_from(zone.join(site))
    .where(zone.c.capacity.is_not(None), zone.c.resets_at.is_not(None))
    .order_by(zone.c.id)
)
_LOCK_ZONES: Final = Statement(
    sa.select(zone.c.id, zone.c.capacity, CARS, zone.c.drift, zone.c.counted_since)
    .where(zone.c.id.in_(listed("zones", sa.BigInteger)), zone.c.capacity.is_not(None))
    .order_by(zone.c.id)
    .with_for_update(key_share=True)
)

_NAMED: Final = table_of(
    sa.Column("site", sa.Text, nullable=False), sa.Column("zone", sa.Text), sa.Column("since", TIME, nullable=False)
)
_COUNT_SINCE: Final = Statement(
    zone.update()
    .where(
        site.c.id == zone.c.site_id,
        site.c.name == _NAMED.c.site,
        zone.c.name == sa.func.coalesce(_NAMED.c.zone, zone.c.name),
    )
    .values(counted_since=sa.func.greatest(zone.c.counted_since, _NAMED.c.since))
)


def save(zones: Sequence[tuple[ZoneId, ZoneCount]]) -> list[Query[None]]:
    """Write the counts of locked zones. They are due, and so are their sites."""
    rows = ({"id": key, "count": one.count, "drift": one.drift, "counted_since": one.since} for key, one in zones)
    return [command(_SAVE_COUNTS, encode(_COUNTS, rows)), recount_sites_of([key for key, _ in zones])]


def lock_zone(*, site: str, zone: str) -> Query[tuple[ZoneId, ZoneCount | None] | None]:
    """Lock a zone by its names. None: there is none; without a count, it is not counted."""

    def read(rows: Rows) -> tuple[ZoneId, ZoneCount | None] | None:
        for key, capacity, count, drift, since in rows:
            if capacity is None:
                return ZoneId(key), None
            return ZoneId(key), ZoneCount(capacity=capacity, count=count, drift=drift, since=since)
        return None

    return Query(statement=_ZONE, arguments={"site": site, "zone_name": zone}, read=read)


def count_since(at: datetime, names: Collection[tuple[str, str | None]]) -> Query[None]:
    """Let these locked zones, or all zones of these sites, go on with their counts as if these had been set at this time."""
    rows = [{"site": of_site, "zone": of_zone, "since": at} for of_site, of_zone in names]
    return command(_COUNT_SINCE, encode(_NAMED, rows))


def recount_sites_of(zones: Collection[int]) -> Query[None]:
    """Make the sites of these zones due, because the numbers of the zones are in theirs."""
    return command(_RECOUNT_SITES, {"zones": array_of(list(zones))})


def recount_sites() -> Query[None]:
    """Make all sites due, because a zone is counted in another way from now on."""
    return command(_RECOUNT_ALL_SITES)


class Resetting(NamedTuple):
    """A counted zone that begins again every night."""

    id: ZoneId
    capacity: int
    counted_since: datetime
    resets_at: str
    time_zone: str


def resetting() -> Query[list[Resetting]]:
    """The counted zones with a time at which they begin again. They are not locked."""
    return asks(_RESETTING, Resetting)


def lock_counts(zones: Collection[ZoneId]) -> Query[dict[ZoneId, ZoneCount]]:
    """Lock these zones by id; those that are not counted any more are left out."""

    def read(rows: Rows) -> dict[ZoneId, ZoneCount]:
        return {
            key: ZoneCount(capacity=capacity, count=count, drift=drift, since=since)
            for key, capacity, count, drift, since in rows
        }

    return Query(statement=_LOCK_ZONES, arguments={"zones": array_of(list(zones))}, read=read)
