"""New names for spaces, zones and sites. The history keeps the names that they had, and the topics of the old names are cleared."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueKind
from parking_gateway.core.outgoing import clearings
from parking_gateway.core.space import SpaceId
from parking_gateway.store import confirmations, names, outgoing, spaces
from parking_gateway.store.database import Connection
from parking_gateway.store.places import NamedPlace
from parking_gateway.store.query import Query


async def rename_space(
    connection: Connection, space: NamedPlace, *, zone_id: int | None, name: str, now: datetime
) -> Committed:
    """Give the space a name, and another zone unless that is None; the caller commits. The register is locked."""
    wanted = zone_id or space.zone_id
    keys = [] if wanted is None else [(key, wanted, name) for key in _spaces([space])]
    # The zone that it leaves is counted again. The one that it comes to is, once the space is published.
    renames: list[Query[Any]] = [*confirmations.recount(_spaces([space])), names.rename_spaces(keys, now=now)]
    return await _rename(connection, [space], renames, renamed=[DueKind.SPACE], now=now)


async def rename_zone(connection: Connection, places: Sequence[NamedPlace], *, name: str, now: datetime) -> Committed:
    """Give the zone of these places a name; the caller commits. The register is locked."""
    zones = {one.zone_id: name for one in places if one.zone_id is not None}
    renames = [_publish_again(places, now=now), names.rename_zones(zones.items())]
    return await _rename(connection, places, renames, renamed=[DueKind.SPACE, DueKind.ZONE], now=now)


async def rename_site(connection: Connection, places: Sequence[NamedPlace], *, name: str, now: datetime) -> Committed:
    """Give the site of these places a name; the caller commits. The register is locked."""
    zones = {one.zone_id: one.zone for one in places if one.zone_id is not None and one.zone is not None}
    renames = [
        _publish_again(places, now=now),
        names.rename_zones(zones.items()),
        names.rename_site(places[0].site_id, name),
    ]
    return await _rename(connection, places, renames, renamed=[DueKind.SPACE, DueKind.ZONE, DueKind.SITE], now=now)


async def _rename(
    connection: Connection,
    places: Sequence[NamedPlace],
    renames: Iterable[Query[Any]],
    *,
    renamed: Sequence[DueKind],
    now: datetime,
) -> Committed:
    keys = _spaces(places)
    zones = {one.zone_id for one in places if one.zone_id is not None} if DueKind.ZONE in renamed else ()
    old = {(kind, one) for kind in renamed for place in places if (one := _names(place, kind)) is not None}
    cleared = clearings(sorted(old), now=now)
    await connection.together(
        spaces.lock_by_id(keys),
        names.keep(keys, until=now),
        *renames,
        names.touch_watchers(keys, zones),
        outgoing.send(cleared),
    )
    return Committed(changed=keys, outgoing=len(cleared))


def _publish_again(places: Iterable[NamedPlace], *, now: datetime) -> Query[None]:
    rows = [
        (one.space_id, one.zone_id, one.space)
        for one in places
        if one.space_id is not None and one.zone_id is not None and one.space is not None
    ]
    return names.rename_spaces(rows, now=now)


def _spaces(places: Iterable[NamedPlace]) -> list[SpaceId]:
    return [one.space_id for one in places if one.space_id is not None]


def _names(place: NamedPlace, kind: DueKind) -> tuple[str, ...] | None:
    """The names in the topic of the space, the zone or the site. None: there is no such row."""
    levels = {DueKind.SITE: 1, DueKind.ZONE: 2}.get(kind, 3)
    found = tuple(one for one in (place.site, place.zone, place.space)[:levels] if one is not None)
    return found if len(found) == levels else None
