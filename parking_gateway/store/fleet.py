"""Devices for imports and for people. `devices` writes the readings of their uplinks."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from parking_gateway.core.counting import CountDirection
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact
from parking_gateway.store.assignments import installation_of
from parking_gateway.store.batteries import battery_of
from parking_gateway.store.devices import OF_READING
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import TIME, counter, device, indicator, installation, site, space, uplink, zone
from parking_gateway.store.uplinks import UNREAD
from parking_gateway.store.words import CONTACTS, PROBLEMS


class KnownDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device as people look at it."""

    identity: DeviceIdentity
    contact: Contact
    heard_at: datetime | None
    battery_percent: int | None
    fault: str | None = None
    problems: list[Problem] = []
    """The most severe first."""
    installation: Installation | None
    """In a space, or as a counter of a zone; then it has no space."""
    direction: CountDirection | None = None
    """What passes a counter."""
    is_indicator: bool = False
    """Whether it shows places."""
    site: str | None
    zone: str | None
    space: str | None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The readings of a device from recorded uplinks, merged."""

    dev_eui: DevEui
    codec: str | None = None
    battery_percent: int | None = None
    battery_at: datetime | None = None
    battery_dev_addr: str | None = None
    battery_f_cnt: int | None = None
    battery_volts: float | None = None
    temperature_celsius: float | None = None
    distance_mm: int | None = None
    counter: int | None = None
    counter_in: int | None = None
    counter_out: int | None = None
    confidence: float | None = None
    fault: str | None = None
    tamper: bool | None = None


class HistoryPlace(NamedTuple):
    """A place in the history of a device: behind this uplink."""

    heard_at: datetime
    deduplication_id: UUID = UUID(int=0)
    """The first one: before every uplink of that time."""


_IDENTITY: Final = (device.c.dev_eui, device.c.name, device.c.profile, device.c.application, device.c.tags)
_BATCH: Final = table_of(device.c.dev_eui)
_IDENTITIES: Final = Statement(
    sa.select(*_IDENTITY)
    .join(_BATCH, device.c.dev_eui == _BATCH.c.dev_eui)
    .where(device.c.heard_at.is_not(None))
    .order_by(device.c.dev_eui)
)

_KEPT: Final = [column for column in uplink.c if column.name not in UNREAD]
_FIELDS: Final = (*(column.name for column in _KEPT), "time")
_LATEST_OF_ONE: Final = (
    sa.select(*_KEPT, uplink.c.heard_at.label("time"))
    .where(uplink.c.dev_eui == _BATCH.c.dev_eui)
    .order_by(uplink.c.heard_at.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .lateral("latest")
)
_LATEST: Final = Statement(
    sa.select(_LATEST_OF_ONE)
    .select_from(_BATCH.join(_LATEST_OF_ONE, sa.true()))
    .order_by(_LATEST_OF_ONE.c.dev_eui, _LATEST_OF_ONE.c.heard_at, _LATEST_OF_ONE.c.f_cnt)
)

_STORED_PLACES: Final = table_of(device.c.dev_eui, uplink.c.heard_at, uplink.c.deduplication_id)
_STORED_OF_ONE: Final = (
    sa.select(*_KEPT, uplink.c.heard_at.label("time"))
    .where(
        uplink.c.dev_eui == _STORED_PLACES.c.dev_eui,
        sa.tuple_(uplink.c.heard_at, uplink.c.deduplication_id)
        > sa.tuple_(_STORED_PLACES.c.heard_at, _STORED_PLACES.c.deduplication_id),
        uplink.c.heard_at < sa.cast(sa.bindparam("until", type_=sa.Text), TIME),
    )
    .order_by(uplink.c.heard_at, uplink.c.deduplication_id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .lateral("stored")
)
_STORED: Final = Statement(
    sa.select(_STORED_OF_ONE)
    .select_from(_STORED_PLACES.join(_STORED_OF_ONE, sa.true()))
    .order_by(_STORED_OF_ONE.c.dev_eui, _STORED_OF_ONE.c.heard_at, _STORED_OF_ONE.c.f_cnt)
)

_FACTS: Final = table_of(*(device.c[name] for name in Facts.__struct_fields__))
_REPLAYED: Final = locked_by_key(device.c.dev_eui, device.c.dev_eui == _FACTS.c.dev_eui)
_KEEP: Final = Statement(
    device.update()
    .where(device.c.dev_eui == _FACTS.c.dev_eui, device.c.dev_eui == _REPLAYED.c.key)
    .values(
        {
            **{name: sa.func.coalesce(_FACTS.c[name], device.c[name]) for name in ("codec", *OF_READING)},
            # As in `update_devices`: a sensor that cannot measure has no distance, not the last one.
            "distance_mm": sa.case(
                (sa.or_(_FACTS.c.fault.is_not(None), _FACTS.c.tamper), _FACTS.c.distance_mm),
                else_=sa.func.coalesce(_FACTS.c.distance_mm, device.c.distance_mm),
            ),
            **battery_of(_FACTS.c),
            "fault_at": sa.case((_FACTS.c.fault.is_not(None), sa.func.now()), else_=device.c.fault_at),
            "tamper_at": sa.case((_FACTS.c.tamper, sa.func.now()), else_=device.c.tamper_at),
            "version": device.c.version + 1,
        }
    )
)

# `device.heard_at` is the time of the last published uplink, so the last time comes from the uplinks.
_LAST_HEARD: Final = sa.func.greatest(
    device.c.heard_at,
    sa.select(sa.func.max(uplink.c.heard_at)).where(uplink.c.dev_eui == device.c.dev_eui).scalar_subquery(),
)
_IS_INDICATOR: Final = device.c.dev_eui.in_(sa.select(indicator.c.dev_eui))
_LIST: Final = Statement(
    sa.select(
        *_IDENTITY,
        device.c.contact,
        _LAST_HEARD.label("heard_at"),
        device.c.battery_percent,
        device.c.fault,
        device.c.problems,
        _IS_INDICATOR.label("is_indicator"),
        sa.case((installation.c.space_id.is_(None), counter.c.direction)).label("direction"),
        sa.func.coalesce(installation.c.channel, counter.c.channel),
        # A counter is in no space.
        sa.func.coalesce(installation.c.space_id, sa.case((counter.c.zone_id.is_not(None), 0))),
        sa.func.coalesce(installation.c.codec, counter.c.codec),
        sa.func.coalesce(installation.c.options, counter.c.options),
        installation.c.lost_after,
        installation.c.observe,
        installation.c.observe_left,
        site.c.name.label("site_name"),
        zone.c.name.label("zone_name"),
        space.c.name.label("space_name"),
    )
    .select_from(
        device.outerjoin(installation, installation.c.dev_eui == device.c.dev_eui)
        .outerjoin(counter, counter.c.dev_eui == device.c.dev_eui)
        .outerjoin(space, space.c.id == installation.c.space_id)
        .outerjoin(zone, zone.c.id == sa.func.coalesce(space.c.zone_id, counter.c.zone_id))
        .outerjoin(site, site.c.id == zone.c.site_id)
    )
    # Unassigned devices come first, because people look for them.
    .order_by(
        site.c.name.nulls_first(),
        sa.and_(site.c.name.is_(None), _IS_INDICATOR),
        zone.c.name,
        space.c.name,
        device.c.dev_eui,
    )
)


def identities(devices: Iterable[DevEui]) -> Query[list[DeviceIdentity]]:
    """The identities of those of these devices that were ever heard, by DevEUI."""
    return Query(
        statement=_IDENTITIES,
        arguments=encode(_BATCH, ({"dev_eui": one} for one in devices)),
        read=lambda rows: [_identity(row) for row in rows],
    )


def latest_uplinks(devices: Sequence[DeviceIdentity], *, limit: int) -> Query[dict[DevEui, list[Uplink]]]:
    """The last `limit` uplinks of each device, the oldest first."""
    batch = encode(_BATCH, ({"dev_eui": one.dev_eui} for one in devices))
    return Query(statement=_LATEST, arguments={**batch, "limit": limit}, read=partial(_uplinks, devices))


def stored_uplinks(
    devices: Sequence[DeviceIdentity], *, after: Mapping[DevEui, HistoryPlace], until: datetime | None, limit: int
) -> Query[dict[DevEui, list[Uplink]]]:
    """The first `limit` uplinks of each device behind its place and before `until`, the oldest first."""
    batch = encode(
        _STORED_PLACES,
        (
            {"dev_eui": dev_eui, "heard_at": place.heard_at, "deduplication_id": place.deduplication_id}
            for dev_eui, place in after.items()
        ),
    )
    bounds = {"until": "infinity" if until is None else until.isoformat(), "limit": limit}
    return Query(statement=_STORED, arguments={**batch, **bounds}, read=partial(_uplinks, devices))


def _uplinks(devices: Iterable[DeviceIdentity], rows: Rows) -> dict[DevEui, list[Uplink]]:
    identities = {one.dev_eui: one for one in devices}
    uplinks: dict[DevEui, list[Uplink]] = {}
    for row in rows:
        fields = dict(zip(_FIELDS, row, strict=True))
        identity = identities[fields.pop("dev_eui")]
        uplinks.setdefault(identity.dev_eui, []).append(Uplink(device=identity, **fields))
    return uplinks


def keep(facts: Iterable[Facts]) -> Query[None]:
    """Keep the facts on the devices, whose spaces the caller has locked. What is None stays. The rows are due."""
    return command(_KEEP, encode(_FACTS, map(msgspec.structs.asdict, facts)))


def listed() -> Query[list[KnownDevice]]:
    """Every device: the unassigned first, then by site, zone and space."""
    return Query(statement=_LIST, arguments={}, read=lambda rows: [_known(*row) for row in rows])


def _known(*row: Any) -> KnownDevice:
    identity = _identity(row[: len(_IDENTITY)])
    contact, heard_at, battery_percent, fault, problems, *others = row[len(_IDENTITY) :]
    is_indicator, direction, *installed, site, zone, space = others
    _channel, space_id, *_ = installed
    return KnownDevice(
        identity=identity,
        contact=CONTACTS[contact],
        heard_at=heard_at,
        battery_percent=battery_percent,
        fault=fault,
        problems=[PROBLEMS[one] for one in problems],
        installation=installation_of((identity.dev_eui, *installed)) if space_id is not None else None,
        direction=CountDirection(direction) if direction else None,
        is_indicator=is_indicator,
        site=site,
        zone=zone,
        space=space,
    )


def _identity(row: Sequence[Any]) -> DeviceIdentity:
    dev_eui, name, profile, application, tags = row
    return DeviceIdentity(dev_eui=dev_eui, name=name, profile=profile, application=application, tags=tags)
