"""Zones and sites with the numbers of their spaces, as rows that are due for publication."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.audience import Audience
from parking_gateway.core.due import DueCounts
from parking_gateway.store.query import Statement
from parking_gateway.store.tables import TIME, counter, device, site, space, zone

_FREE: Final = "+"
"""Behind the audience of a free space."""
# Of a zone that is counted at its entries and exits, the counter has the cars, and its spaces count for nothing but themselves.
_BY_SPACES: Final = zone.c.capacity.is_(None)
_CARS: Final = zone.alias("counted")
_COUNTED: Final = (
    sa.func.count(space.c.id).filter(_BY_SPACES),
    sa.func.count().filter(_BY_SPACES, space.c.state == "FREE"),
    sa.func.count().filter(_BY_SPACES, space.c.state == "OCCUPIED"),
    sa.func.count().filter(_BY_SPACES, space.c.state == "RESERVED"),
    sa.func.count().filter(_BY_SPACES, space.c.state == "MAINTENANCE"),
    sa.func.count().filter(_BY_SPACES, space.c.contact != "live"),
    # One word for each space with an audience, which are few. To count each audience would cost every space a look.
    sa.func.array_agg(space.c.audience + sa.case((space.c.state == "FREE", _FREE), else_="")).filter(
        space.c.audience.is_not(None)
    ),
)


def _cars(column: sa.ColumnElement[Any], condition: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """A sum over counted zones, of which a site may have several."""
    total = sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)
    return sa.select(total).where(_CARS.c.capacity.is_not(None), condition).scalar_subquery()


_IS_HEARD: Final = sa.exists().where(
    counter.c.zone_id == _CARS.c.id, device.c.dev_eui == counter.c.dev_eui, device.c.contact == "live"
)
"""Whether a counter of the counted zone is."""


def _last_total(direction: str) -> sa.ColumnElement[Any]:
    """When the last total that a counter has counted was heard."""
    return sa.cast(counter.c.tracks[direction]["last"]["heard_at"].astext, TIME)


_LAST_TOTAL: Final = (
    sa.select(sa.func.max(sa.func.greatest(_last_total("came"), _last_total("left"))))
    .where(counter.c.zone_id == _CARS.c.id)
    .scalar_subquery()
)


def of_counted_zones(table: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    """Three columns about the counted zones among zones, or of sites.

    When one of them was last set or counted, their places, and the places of those without a counter that is heard.
    """
    of_it = _of_it(table)
    counted_at = sa.func.max(sa.func.greatest(_CARS.c.counted_since, _LAST_TOTAL))
    return (
        sa.select(counted_at).where(_CARS.c.capacity.is_not(None), of_it).scalar_subquery(),
        _cars(_CARS.c.capacity, of_it),
        _cars(sa.case((~_IS_HEARD, _CARS.c.capacity)), of_it),
    )


def counts(keys: sa.ScalarSelect[Any], table: sa.Table, *names: sa.Column[Any]) -> Statement:
    """The statement that counts the spaces of these zones or sites."""
    return Statement(counted(keys, table, *names).order_by(table.c.id))


def counted(keys: sa.ScalarSelect[Any], table: sa.Table, *names: sa.Column[Any]) -> sa.Select[Any]:
    """The same without an order."""
    of_it = _of_it(table)
    settings = (zone.c.capacity, zone.c.drift) if table is zone else ()
    cars = (_cars(_CARS.c.capacity, of_it), _cars(sa.func.least(_CARS.c.count, _CARS.c.capacity), of_it))
    return (
        sa.select(table.c.id, table.c.version, table.c.published_version, *names, *settings, *cars, *_COUNTED)
        .select_from(site.outerjoin(zone).outerjoin(space))
        .where(table.c.id.in_(keys))
        .group_by(table.c.id, *names)
    )


def _of_it(table: sa.Table) -> sa.ColumnElement[bool]:
    return _CARS.c.id == zone.c.id if table is zone else _CARS.c.site_id == site.c.id


def zone_of(row: tuple[Any, ...]) -> DueCounts:
    """A row of that statement about a zone."""
    key, version, published_version, site_name, zone_name, capacity, drift, *counts = row
    return _with_counts(
        counts,
        key=key,
        version=version,
        published_version=published_version,
        site=site_name,
        zone=zone_name,
        drift=None if capacity is None else drift,
    )


def site_of(row: tuple[Any, ...]) -> DueCounts:
    """A row of that statement about a site."""
    key, version, published_version, site_name, *counts = row
    return _with_counts(
        counts, key=key, version=version, published_version=published_version, site=site_name, zone=None
    )


def _with_counts(counts: Sequence[Any], **fields: Any) -> DueCounts:
    places, cars, total, free, occupied, reserved, maintenance, unreachable, audiences = counts
    return DueCounts(
        total=total + places,
        free=free + places - cars,
        occupied=occupied + cars,
        reserved=reserved,
        maintenance=maintenance,
        unreachable=unreachable,
        audiences=_audiences(audiences or ()),
        **fields,
    )


def _audiences(words: Sequence[str]) -> dict[Audience, tuple[int, int]]:
    counts = Counter(words)
    return {
        one: (counts[one] + counts[one + _FREE], counts[one + _FREE])
        for one in Audience
        if counts[one] or counts[one + _FREE]
    }
