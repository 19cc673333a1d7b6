"""Counters at entries and exits, and the zones that they count."""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.counting import CountDirection, Tracks, ZoneCount, ZoneId, ZoneNames
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.store import counted_zones
from parking_gateway.store.counted_zones import CARS
from parking_gateway.store.query import Query, Rows, Statement, asks, command
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import counter, device, installation, site, space, zone

NO_SPACE: Final = SpaceId(0)
"""A counter watches no space. Ids begin at 1."""


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A device at an entry or an exit of a zone."""

    zone: ZoneId
    direction: CountDirection
    installation: Installation
    """How its frames are read; in no space."""
    tracks: Tracks = Tracks()


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Locked counters and zones, or what became of them."""

    counters: dict[DevEui, list[Counter]] = {}
    zones: dict[ZoneId, ZoneCount] = {}
    names: dict[ZoneId, ZoneNames] = {}


class ListedCounter(msgspec.Struct, frozen=True):
    """A counter as people look at it."""

    site: str
    zone: str
    dev_eui: str
    channel: int
    direction: str
    codec: str | None
    options: dict[str, str]


_tracks_of: Final = msgspec.json.Decoder(Tracks).decode

_LOCK: Final = Statement(
    sa.select(
        counter.c.dev_eui,
        counter.c.channel,
        counter.c.direction,
        counter.c.codec,
        counter.c.options,
        sa.cast(counter.c.tracks, sa.Text),
        zone.c.id,
        zone.c.capacity,
        CARS,
        zone.c.drift,
        zone.c.counted_since,
        site.c.name,
        zone.c.name,
    )
    .select_from(counter.join(zone).join(site))
    .where(counter.c.dev_eui.in_(listed("dev_euis", sa.Text)), zone.c.capacity.is_not(None))
    .order_by(zone.c.id, counter.c.dev_eui, counter.c.channel)
    # Both: of a row that is not locked, another gateway's last change would not be seen.
    .with_for_update(of=[zone, counter], key_share=True)
)

_TRACKS: Final = table_of(counter.c.dev_eui, counter.c.channel, counter.c.tracks)
_SAVE_TRACKS: Final = Statement(
    counter.update()
    .where(counter.c.dev_eui == _TRACKS.c.dev_eui, counter.c.channel == _TRACKS.c.channel)
    .values(tracks=_TRACKS.c.tracks)
)


def lock(devices: Collection[DevEui]) -> Query[Counted]:
    """Lock the zones that these devices count until the transaction ends, by id, and then the counters."""
    return Query(statement=_LOCK, arguments={"dev_euis": array_of(list(devices))}, read=_counted)


def save(before: Counted, after: Counted) -> list[Query[None]]:
    """Write what has changed: zones, their sites, and the tracks of counters. What is published is due."""
    zones = [(key, one) for key, one in after.zones.items() if one != before.zones[key]]
    moved = [
        one
        for dev_eui, every in after.counters.items()
        for one, was in zip(every, before.counters[dev_eui], strict=True)
        if one.tracks is not was.tracks
    ]
    return [*(counted_zones.save(zones) if zones else []), *([_save_tracks(moved)] if moved else [])]


def _save_tracks(counters: Iterable[Counter]) -> Query[None]:
    rows = (
        {"dev_eui": one.installation.dev_eui, "channel": one.installation.channel, "tracks": one.tracks}
        for one in counters
    )
    return command(_SAVE_TRACKS, encode(_TRACKS, rows))


def _counted(rows: Rows) -> Counted:
    found = Counted()
    for dev_eui, channel, direction, codec, options, tracks, zone_id, capacity, *count, site_name, zone_name in rows:
        cars, drift, since = count
        found.zones[zone_id] = ZoneCount(capacity=capacity, count=cars, drift=drift, since=since)
        found.names[zone_id] = (site_name, zone_name)
        installed = Installation(dev_eui=dev_eui, channel=channel, space=NO_SPACE, codec=codec, options=options)
        one = Counter(
            zone=zone_id,
            direction=CountDirection(direction),
            installation=installed,
            tracks=Tracks() if tracks is None else _tracks_of(tracks),
        )
        found.counters.setdefault(dev_eui, []).append(one)
    return found


# Requests and commands

_ADDED: Final = {
    name: sa.bindparam(f"new_{name}", type_=counter.c[name].type)
    for name in ("dev_eui", "channel", "zone_id", "direction", "codec")
} | {"options": sa.cast(sa.bindparam("new_options", type_=sa.Text), pg.JSONB)}
_ADD: Final = Statement(
    pg.insert(counter)
    .values(_ADDED)
    .on_conflict_do_update(
        index_elements=[counter.c.dev_eui, counter.c.channel],
        set_={
            **{name: _ADDED[name] for name in ("zone_id", "direction", "codec", "options")},
            "tracks": sa.case(
                (
                    sa.and_(
                        counter.c.zone_id == _ADDED["zone_id"],
                        counter.c.direction == _ADDED["direction"],
                    ),
                    counter.c.tracks,
                )
            ),
        },
    )
)
_REMOVE: Final = Statement(
    counter.delete()
    .where(
        counter.c.dev_eui == sa.bindparam("old_dev_eui", type_=sa.Text),
        counter.c.channel == sa.bindparam("old_channel", type_=sa.Integer),
    )
    .returning(counter.c.zone_id)
)
_PUBLISH: Final = Statement(
    device.update()
    .where(device.c.dev_eui == sa.bindparam("changed", type_=sa.Text))
    .values(version=device.c.version + 1)
)
_WATCHED: Final = Statement(
    sa.select(site.c.name + "/" + zone.c.name + "/" + space.c.name)
    .select_from(installation.join(space, space.c.id == installation.c.space_id).join(zone).join(site))
    .where(installation.c.dev_eui == sa.bindparam("watcher", type_=sa.Text))
    .limit(1)
)
_COUNTING: Final = Statement(
    sa.select(counter.c.dev_eui, counter.c.channel, site.c.name + "/" + zone.c.name)
    .select_from(counter.join(zone).join(site))
    .where(counter.c.dev_eui.in_(listed("dev_euis", sa.Text)))
    .order_by(counter.c.dev_eui, counter.c.channel)
)
_LIST: Final = Statement(
    sa.select(
        site.c.name,
        zone.c.name,
        counter.c.dev_eui,
        counter.c.channel,
        counter.c.direction,
        counter.c.codec,
        counter.c.options,
    )
    .select_from(counter.join(zone).join(site))
    .order_by(site.c.name, zone.c.name, counter.c.dev_eui, counter.c.channel)
)
_OF_ZONES: Final = Statement(
    sa.select(counter.c.dev_eui)
    .distinct()
    .where(counter.c.zone_id.in_(listed("zones", sa.BigInteger)))
    .order_by(counter.c.dev_eui)
)


def of_zones(zones: Collection[int]) -> Query[list[DevEui]]:
    """The devices that count these zones."""
    return asks(_OF_ZONES, DevEui, {"zones": array_of(list(zones))})


def publish(dev_eui: DevEui) -> Query[None]:
    """Make the device due, because it counts another zone, or none."""
    return command(_PUBLISH, {"changed": dev_eui})


def add(one: Counter) -> Query[None]:
    """Install a counter, or replace its installation. It begins without totals, unless it counts the same already."""
    installed = one.installation
    return command(
        _ADD,
        {
            "new_dev_eui": installed.dev_eui,
            "new_channel": installed.channel,
            "new_zone_id": one.zone,
            "new_direction": one.direction.value,
            "new_codec": installed.codec,
            "new_options": msgspec.json.encode(installed.options).decode(),
        },
    )


def remove(dev_eui: DevEui, channel: int) -> Query[bool]:
    """Remove a counter; false: there is none."""
    return Query(statement=_REMOVE, arguments={"old_dev_eui": dev_eui, "old_channel": channel}, read=bool)


def watched(dev_eui: DevEui) -> Query[str | None]:
    """A space that this device watches, as `site/zone/space`."""
    return Query(statement=_WATCHED, arguments={"watcher": dev_eui}, read=lambda rows: rows[0][0] if rows else None)


def counting(devices: Collection[DevEui]) -> Query[list[tuple[DevEui, int, str]]]:
    """The counters of these devices: the device, its channel, and the zone as `site/zone`."""
    return Query(statement=_COUNTING, arguments={"dev_euis": array_of(list(devices))}, read=list)


def every() -> Query[list[ListedCounter]]:
    """Every counter, by site and zone."""
    return asks(_LIST, ListedCounter)
