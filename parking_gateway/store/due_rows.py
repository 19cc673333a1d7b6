"""Rows that are due for publication: the statements that read them, and their rows as values."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.due import Due, DueKind, DueSpace, DueStep
from parking_gateway.store.due_counts import counts, site_of, zone_of
from parking_gateway.store.due_devices import DEVICES, device_of
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Statement
from parking_gateway.store.rows import Arguments, listed
from parking_gateway.store.tables import device, site, space, zone
from parking_gateway.store.words import AUDIENCES, CONTACTS, PREVIOUS, STATES


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The statement that reads the rows of a kind, and the function that reads one row."""

    statement: Statement
    read: Callable[[tuple[Any, ...]], Due]


KEY_OF: Final[dict[DueKind, sa.Column[Any]]] = {
    DueKind.SITE: site.c.id,
    DueKind.ZONE: zone.c.id,
    DueKind.SPACE: space.c.id,
    DueKind.DEVICE: device.c.dev_eui,
}
STEPS_AT_ONCE: Final = 5000
"""Steps that are read with a page of spaces."""
_CAR_PARK: Final = space.join(zone).join(site)
_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)


def is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether the confirmed version is another one than the row's.

    It is the larger one after a failover that lost the row's last change. Then only `<>` finds the row.
    """
    return table.c.version != table.c.published_version


def behind(kind: DueKind, after: int | str | None) -> Arguments:
    """The argument of a statement about the first rows behind a key. None: about the first of all."""
    lowest = "" if kind is DueKind.DEVICE else 0
    return {"after": lowest if after is None else after}


# Spaces and their steps

ALL_SPACES: Final = sa.select(
    space.c.id,
    space.c.version,
    space.c.published_version,
    site.c.name,
    zone.c.name,
    space.c.name,
    space.c.state,
    space.c.since,
    space.c.previous,
    space.c.occupancy,
    space.c.contact,
    space.c.reserved_until,
    space.c.reservation,
    space.c.maintenance_reason,
    space.c.battery_percent,
    space.c.cause,
    space.c.updated_at,
    sa.and_(space.c.state == "OCCUPIED", space.c.reservation.is_not(None), sa.not_(space.c.reserved_checked_in)).label(
        "is_pending"
    ),
    space.c.maintenance_until,
    space.c.audience,
    space.c.overstay.is_not_distinct_from(sa.literal_column("'exceeded'")).label("is_overstay"),
).select_from(_CAR_PARK)


def space_of(row: tuple[Any, ...]) -> DueSpace:
    """A row of a statement that reads spaces."""
    key, version, published_version, site_name, zone_name, name, state, since, previous, occupancy, *rest = row
    (
        contact,
        reserved_until,
        reservation,
        maintenance_reason,
        battery_percent,
        cause,
        updated_at,
        is_pending,
        maintenance_until,
        audience,
        is_overstay,
    ) = rest
    # By position, because a call with more than 15 keywords takes 0.7 µs instead of 0.1.
    return DueSpace(
        key,
        version,
        published_version,
        site_name,
        zone_name,
        name,
        STATES[state],
        since,
        PREVIOUS[previous],
        occupancy or "unknown",
        CONTACTS[contact],
        reserved_until,
        reservation,
        maintenance_reason,
        battery_percent,
        cause,
        updated_at,
        is_pending,
        maintenance_until,
        AUDIENCES[audience],
        is_overstay,
    )


def step(row: tuple[Any, ...]) -> DueStep:
    """A row of `read_steps`."""
    _, number, before, after, at, cause, corrects, is_withdrawn = row
    return DueStep(
        id=number,
        before=STATES[before],
        after=STATES[after],
        at=at,
        cause=cause,
        corrects=corrects,
        is_withdrawn=is_withdrawn,
    )


def _due_keys(key: sa.Column[Any]) -> Statement:
    """The keys of the first due rows behind the key `after`.

    Materialized, so that PostgreSQL reads the table from front to back. With the order and the limit in sight it goes by the
    index, from row to row, which takes four times as long where few rows are due.
    """
    after = sa.bindparam("after", type_=key.type)
    found = (
        sa.select(key)
        .where(is_due(key.table), key > after)
        .cte("found")
        .prefix_with("materialized", dialect="postgresql")
    )
    return Statement(sa.select(found.c[key.name]).order_by(found.c[key.name]).limit(_LIMIT))


def _due_ones(table: sa.Table) -> sa.ScalarSelect[Any]:
    """The due ones of the ids `id`."""
    return sa.select(table.c.id).where(is_due(table), table.c.id.in_(listed("id", sa.BigInteger))).scalar_subquery()


GIVEN_SPACES: Final = Statement(ALL_SPACES.where(space.c.id.in_(listed("id", sa.BigInteger))).order_by(space.c.id))
KEYS: Final = {kind: _due_keys(key) for kind, key in KEY_OF.items()}
"""The keys of due rows behind the key `after`."""
SOURCES: Final = {
    DueKind.SPACE: Source(statement=HOT["read_changed_spaces"], read=space_of),
    DueKind.DEVICE: Source(
        statement=Statement(
            DEVICES.where(is_due(device), device.c.dev_eui.in_(listed("id", sa.Text))).order_by(device.c.dev_eui)
        ),
        read=device_of,
    ),
    DueKind.ZONE: Source(statement=counts(_due_ones(zone), zone, site.c.name, zone.c.name), read=zone_of),
    DueKind.SITE: Source(statement=counts(_due_ones(site), site, site.c.name), read=site_of),
}
"""The due ones of the keys `id`, in their order."""
