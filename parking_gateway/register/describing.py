"""What the register says about spaces, zones and sites, and no sensor changes: attributes and settings."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from parking_gateway.core.space import SpaceId
from parking_gateway.register.entries import Entry
from parking_gateway.register.settings import Setting
from parking_gateway.store import attributes, car_park, counted_zones, settings
from parking_gateway.store.database import Connection

_OF_RESETS: Final = frozenset({"resets_at", "time_zone"})
"""Settings that say when counts begin again."""


async def differing(
    connection: Connection, entries: Iterable[Entry], ids: Mapping[car_park.Names, SpaceId]
) -> dict[SpaceId, attributes.Attributes]:
    """The attributes of the entries' spaces that shall have others than they have."""
    wanted = {ids[entry.place]: entry.attributes for entry in entries if entry.attributes}
    if not wanted:
        return {}
    (present,) = await connection.together(attributes.present(wanted))
    after = {key: {**present[key], **given} for key, given in wanted.items()}
    return {key: values for key, values in after.items() if values != present[key]}


async def apply_settings(connection: Connection, given: Iterable[Setting], *, now: datetime) -> int:
    """Write the settings of sites and zones that exist and are locked; the caller commits. Returns how many had others."""
    values: dict[tuple[str, bool], list[settings.Value]] = {}
    for one in given:
        for column, value in one.values.items():
            values.setdefault((column, one.zone is None), []).append((one.site, one.zone, value))
    queries = [settings.change(column, values[column, of_sites], of_sites=of_sites) for column, of_sites in values]
    changed = await connection.together(*queries) if queries else []
    moved = {one for (column, _), each in zip(values, changed, strict=True) if column in _OF_RESETS for one in each}
    if moved:  # else they would begin again at once, if the time of the day is past
        await connection.together(counted_zones.count_since(now, moved))
    if ("capacity", False) in values:
        await connection.together(counted_zones.recount_sites())
    return len({one for each in changed for one in each})
