"""Spaces: locked with their installations, and saved after the turn."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from parking_gateway.core.device import Snapshot
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.reservation import Reservation
from parking_gateway.core.sensor import SensorKey, Sensors
from parking_gateway.core.space import Overstay, Service, Space, SpaceId
from parking_gateway.core.stay import Arrival
from parking_gateway.store.counters import Counted
from parking_gateway.store.devices import ORDER, snapshot_of
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, Rows, command
from parking_gateway.store.rows import array_of, arrays, json_of, texts_of
from parking_gateway.store.words import CONTACTS, OCCUPANCIES, PREVIOUS

_Booking = tuple[str, datetime, datetime, bool, bool]
_Special = tuple[
    _Booking | None,
    Service,
    str | None,  # why it is in maintenance
    datetime | None,  # and until when
    Overstay | None,
    Sensors | None,
    int | None,  # for how many more uplinks the installation is observed
]
"""What nearly no space has, in one column, which is null then: ten columns would cost every uplink 1 µs."""
_special_of: Final = msgspec.json.Decoder(_Special).decode
_ORDINARY: Final[_Special] = (None, Service.IN_SERVICE, None, None, None, None, None)
_SPECIAL: Final = 8
"""The place of that column among the aspects of a space."""


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """Locked spaces with the installations of their devices, from the lock to the end of the transaction."""

    installations: dict[DevEui, list[Installation]] = {}
    snapshots: dict[DevEui, Snapshot] = {}
    """The last published ones of the devices."""
    spaces: dict[SpaceId, Space] = {}
    rows: dict[SpaceId, str] = {}
    """The places (ctid) of the locked rows. To save a row by its place needs no index, which saves PostgreSQL 0.3 µs an uplink
    with a thousand spaces, and 2 with a million."""
    observed: list[Installation] = []
    """Those of the installations that are observed: nearly always none."""
    sensors: dict[SpaceId, frozenset[SensorKey]] = {}
    """The sensors that decide a space, if an installation there may be observed no longer. `lock` does not read them."""
    counted: Counted = msgspec.field(default_factory=Counted)
    """What devices without a space count; the same lock order: spaces, zones, sites, devices."""


def lock(devices: Collection[DevEui]) -> Query[Locked]:
    """Lock the spaces of these devices until the transaction ends, and return them with their installations."""
    return Query(statement=HOT["lock_spaces"], arguments=arrays(dev_eui=list(devices)) | ORDER, read=_locked)


def lock_by_id(spaces: Collection[SpaceId]) -> Query[Locked]:
    """Lock these spaces until the transaction ends, in the order of their ids. Installations are not read."""
    return Query(
        statement=HOT["lock_spaces_by_id"],
        arguments=arrays(id=list(spaces)) | {"step_back": ORDER["step_back"]},
        read=_locked_alone,
    )


def save(
    locked: Locked, after: Mapping[SpaceId, Space], *, arrivals: Mapping[SpaceId, Arrival], now: datetime
) -> list[Query[None]]:
    """Write the spaces that differ from what they were. Of most spaces only the clocks changed.

    `arrivals` are those of cars that came since then and are there.
    """
    clocks: list[Space] = []
    charged: list[Space] = []  # of these also the battery's clock
    changed: list[Space] = []
    for space_id, was in locked.spaces.items():
        one = after[space_id]
        if one is was:
            continue
        if one.version != was.version or one.seen_dev_addr != was.seen_dev_addr or one.sensors is not was.sensors:
            changed.append(one)
        elif one.battery_at is was.battery_at:
            clocks.append(one)
        else:
            (charged if one.battery_dev_addr == was.battery_dev_addr else changed).append(one)
    return [
        *([command(HOT["save_clocks"], _clocks(locked, clocks))] if clocks else []),
        *([command(HOT["save_battery_clocks"], _battery_clocks(locked, charged))] if charged else []),
        *([command(HOT["save_changes"], _changes(locked, changed, arrivals, now))] if changed else []),
    ]


def _locked(rows: Rows) -> Locked:
    found = Locked()
    for dev_eui, channel, codec, options, snapshot, row, *aspects in rows:
        one = _space(aspects)
        found.spaces[one.id] = one
        found.rows[one.id] = row
        if snapshot is not None:
            found.snapshots[dev_eui] = snapshot_of(snapshot)
        installation = Installation(
            dev_eui=dev_eui, channel=channel, space=one.id, codec=codec, options=texts_of(options)
        )
        if (special := aspects[_SPECIAL]) is not None and (left := _special_of(special)[-1]) is not None:
            installation = msgspec.structs.replace(installation, observe_left=left)
            found.observed.append(installation)
        found.installations.setdefault(dev_eui, []).append(installation)
    return found


def _locked_alone(rows: Rows) -> Locked:
    found = Locked()
    for row, *aspects in rows:
        one = _space(aspects)
        found.spaces[one.id] = one
        found.rows[one.id] = row
    return found


def _space(aspects: list[Any]) -> Space:
    (
        space_id,
        since,
        occupancy,
        seen_at,
        seen_dev_addr,
        seen_f_cnt,
        contact,
        heard_at,
        special,
        service_at,
        offered_at,
        battery_percent,
        battery_at,
        battery_dev_addr,
        battery_f_cnt,
        previous,
        cause,
        version,
    ) = aspects
    booking, service, reason, until, overstay, sensors, _ = _ORDINARY if special is None else _special_of(special)
    # By their places: with so many names the call would take twice the time, 0.5 µs more for every uplink.
    return Space(
        space_id,
        since,
        OCCUPANCIES[occupancy],
        seen_at,
        seen_dev_addr,
        seen_f_cnt,
        CONTACTS[contact],
        heard_at,
        None if booking is None else _reservation(booking),
        service,
        service_at,
        reason,
        battery_percent,
        battery_at,
        battery_dev_addr,
        battery_f_cnt,
        PREVIOUS[previous],
        cause,
        version,
        overstay,
        sensors,
        until,
        offered_at,
    )


def _reservation(booking: _Booking) -> Reservation:
    reservation, start, end, is_checked_in, is_kept = booking
    return Reservation(id=reservation, start=start, end=end, is_checked_in=is_checked_in, is_kept_on_leaving=is_kept)


def _clocks(locked: Locked, spaces: Sequence[Space]) -> dict[str, Any]:
    apart = [None if one.heard_at is one.seen_at else one.heard_at for one in spaces]
    columns = arrays(
        row=[locked.rows[one.id] for one in spaces],
        seen_at=[one.seen_at for one in spaces],
        seen_f_cnt=[one.seen_f_cnt for one in spaces],
    )
    return columns | {"heard_at": array_of(apart) if any(apart) else None}


def _battery_clocks(locked: Locked, spaces: Sequence[Space]) -> dict[str, Any]:
    return _clocks(locked, spaces) | arrays(
        battery_at=[one.battery_at for one in spaces],
        battery_f_cnt=[one.battery_f_cnt for one in spaces],
    )


def _changes(
    locked: Locked, spaces: Sequence[Space], arrivals: Mapping[SpaceId, Arrival], now: datetime
) -> dict[str, Any]:
    booked = [one.reservation for one in spaces]
    arrived = [arrivals.get(one.id) for one in spaces]
    columns = arrays(
        heard_at=[one.heard_at for one in spaces],
        occupancy=[one.occupancy for one in spaces],
        seen_dev_addr=[one.seen_dev_addr for one in spaces],
        battery_dev_addr=[one.battery_dev_addr for one in spaces],
        contact=[one.contact for one in spaces],
        reservation=[one and one.id for one in booked],
        reserved_from=[one and one.start for one in booked],
        reserved_until=[one and one.end for one in booked],
        reserved_checked_in=[one is not None and one.is_checked_in for one in booked],
        reserved_kept=[one is not None and one.is_kept_on_leaving for one in booked],
        service=[one.service for one in spaces],
        service_at=[one.service_at for one in spaces],
        maintenance_reason=[one.maintenance_reason for one in spaces],
        battery_percent=[one.battery_percent for one in spaces],
        since=[one.since for one in spaces],
        previous=[one.previous for one in spaces],
        cause=[one.cause for one in spaces],
        version=[one.version for one in spaces],
        overstay=[one.overstay for one in spaces],
        sensors=[json_of(one.sensors) for one in spaces],
        maintenance_until=[one.maintenance_until for one in spaces],
        offered_at=[one.offered_at for one in spaces],
        arrived_at=[one and one.at for one in arrived],
        arrival=[one and one.cause for one in arrived],
        arrived_for=[one and one.reservation for one in arrived],
        state=[one.state for one in spaces],
    )
    return _battery_clocks(locked, spaces) | columns | {"updated_at": now}
