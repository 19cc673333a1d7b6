"""Spaces, zones and sites that leave the register, and sensors that leave their spaces.

The history keeps the steps of a removed space with the names that it had. Its devices become unassigned, and its retained topics
are cleared. No uplink is recorded meanwhile.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

from parking_gateway.core.causes import SensorRemoved
from parking_gateway.core.committed import Committed, committed_by, together
from parking_gateway.core.due import DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.outgoing import clearings
from parking_gateway.core.sensor import SensorRule
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import Turn, turn
from parking_gateway.register.fitting import fit
from parking_gateway.store import (
    assignments,
    car_park,
    confirmations,
    counted_zones,
    counters,
    names,
    outgoing,
    removal,
    spaces,
    turns,
)
from parking_gateway.store.assignments import SensorsOf
from parking_gateway.store.database import Connection
from parking_gateway.store.places import NamedPlace


class Doomed(msgspec.Struct, frozen=True, kw_only=True):
    """What will be removed, with its names."""

    spaces: dict[SpaceId, tuple[str, str, str]] = {}
    zones: dict[int, tuple[str, str]] = {}
    """Without the spaces above, they are empty."""
    sites: dict[int, tuple[str]] = {}
    """Without the zones above, they are empty."""


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, for people."""

    sites: list[str] = []
    zones: list[str] = []
    spaces: list[str] = []
    unassigned: list[DevEui] = []
    """Devices that watched one of the spaces."""
    counters: list[DevEui] = []
    """Devices that counted one of the zones."""


def whole(places: Iterable[NamedPlace], *, kind: DueKind) -> Doomed:
    """These places with everything in them. `kind`: whether their spaces alone go, or their zones, or their sites too."""
    doomed = Doomed()
    for one in places:
        if one.space_id is not None and one.zone is not None and one.space is not None:
            doomed.spaces[one.space_id] = (one.site, one.zone, one.space)
        if kind is not DueKind.SPACE and one.zone_id is not None and one.zone is not None:
            doomed.zones[one.zone_id] = (one.site, one.zone)
        if kind is DueKind.SITE:
            doomed.sites[one.site_id] = (one.site,)
    return doomed


def unnamed(places: Iterable[NamedPlace], *, named: Collection[tuple[str | None, ...]]) -> Doomed:
    """The spaces whose names are not among these, and the zones and sites that become empty by that.

    A zone that was empty before stays, because it can be one that has a counter in place of sensors.
    """
    doomed = Doomed()
    zones: dict[int, tuple[str, str]] = {}
    sites: dict[int, tuple[str]] = {}
    kept: set[int] = set()
    kept_sites: set[int] = set()
    for one in places:
        if one.zone_id is None or one.zone is None or one.space_id is None or one.space is None:
            kept_sites.add(one.site_id)
            continue
        zones[one.zone_id] = (one.site, one.zone)
        sites[one.site_id] = (one.site,)
        is_named = (one.site, one.zone, one.space) in named
        if not is_named:
            doomed.spaces[one.space_id] = (one.site, one.zone, one.space)
        if is_named or (one.site, one.zone) in named:
            kept.add(one.zone_id)
        if is_named or (one.site, one.zone) in named or (one.site, None) in named:
            kept_sites.add(one.site_id)
    doomed.zones.update({key: each for key, each in zones.items() if key not in kept})
    doomed.sites.update({key: each for key, each in sites.items() if key not in kept_sites})
    return doomed


async def remove(connection: Connection, doomed: Doomed, *, now: datetime, by: str) -> tuple[Removed, Committed]:
    """Remove all of it; the caller commits. The register is locked."""
    installed, before, counting = await connection.together(
        assignments.in_spaces(doomed.spaces),
        assignments.sensors_of(list(doomed.spaces)),
        counters.of_zones(doomed.zones),
    )
    await connection.together(
        *assignments.hold_uplinks(doomed.spaces, are_removed=True),
        *car_park.lock_zones(),
        *confirmations.recount(doomed.spaces),
        *assignments.change(installed=[], removed=installed),
    )
    ended = await end_sensors(connection, before, now=now, by=by)
    cleared = await delete(connection, doomed, now=now)
    return removed(doomed, installed, counting), together(ended, cleared)


async def unassign(connection: Connection, installed: Collection[Installation], *, now: datetime, by: str) -> Committed:
    """End these installations; the caller commits. The register is locked."""
    (before,) = await connection.together(assignments.sensors_of({one.space for one in installed}))
    await connection.together(
        *assignments.hold_uplinks(before), *assignments.change(installed=[], removed=list(installed))
    )
    return await end_sensors(connection, before, now=now, by=by)


async def end_sensors(
    connection: Connection,
    before: SensorsOf,
    *,
    rules: Mapping[SpaceId, SensorRule] | None = None,
    now: datetime,
    by: str,
) -> Committed:
    """Give spaces the sensors that they have now; a space without any is not live. The spaces are locked.

    `before` has the sensors that each had until now. `by`: who did it, for the causes of the steps.
    """
    if not before:
        return Committed()
    fitted = await fit(connection, before, rules=rules, now=now, by=f"sensors changed by {by}")
    without, locked = await connection.together(assignments.without_sensor(before), spaces.lock_by_id(list(before)))
    made = turn(locked.spaces, [(one, SensorRemoved(at=now, by=f"sensor removed by {by}")) for one in without])
    await connection.together(*turns.writes(locked, made, now=now))
    return together(*map(committed_of, (fitted, made)))


def committed_of(made: Turn) -> Committed:
    """The turn for the report."""
    return committed_by(made)


async def delete(connection: Connection, doomed: Doomed, *, now: datetime) -> Committed:
    """Delete the rows, without installations by now. Their names are kept, their reservations cancelled, their topics cleared.

    The counters go with their zones, and their devices are published.
    """
    if not (doomed.spaces or doomed.zones or doomed.sites):
        return Committed()
    cleared = clearings(
        [
            *((DueKind.SPACE, one) for one in doomed.spaces.values()),
            *((DueKind.ZONE, one) for one in doomed.zones.values()),
            *((DueKind.SITE, one) for one in doomed.sites.values()),
        ],
        now=now,
    )
    await connection.together(
        names.keep(doomed.spaces, until=None),
        # A counted zone may have no spaces, so those do not make its site due.
        counted_zones.recount_sites_of(doomed.zones),
        names.touch_watchers([], doomed.zones),
        outgoing.send(cleared),
        removal.cancel_reservations(doomed.spaces),
        removal.spaces(doomed.spaces),
        removal.zones(doomed.zones),
        removal.sites(doomed.sites),
    )
    return Committed(changed=list(doomed.spaces), outgoing=len(cleared))


def removed(doomed: Doomed, installed: Iterable[Installation], counting: Iterable[DevEui]) -> Removed:
    """The names of what was removed."""
    return Removed(
        sites=[one for (one,) in doomed.sites.values()],
        zones=["/".join(one) for one in doomed.zones.values()],
        spaces=["/".join(one) for one in doomed.spaces.values()],
        unassigned=sorted({one.dev_eui for one in installed}),
        counters=list(counting),
    )
