"""Verbs that change the register: places are renamed, removed and set, and devices are installed and taken away."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from parking_gateway.core.due import DueKind
from parking_gateway.register import cells
from parking_gateway.register.removing import remove, whole
from parking_gateway.register.removing import removed as removed_of
from parking_gateway.register.renaming import rename_site, rename_space, rename_zone
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfSite, OfSpace, OfZone, Place, named_places
from parking_gateway.requests.verbs import verb
from parking_gateway.store import assignments, car_park, counters, places
from parking_gateway.store.places import NamedPlace

NewName = Annotated[str, msgspec.Meta(max_length=64, description="1 to 64 letters, digits, - and _.")]
DryRun = Annotated[bool, msgspec.Meta(description="True: say what would go, and change nothing.")]
WithSpaces = Annotated[bool, msgspec.Meta(description="True: its spaces go too. False: it must be empty.")]


class SpaceRename(OfSpace, frozen=True, kw_only=True):
    """Give a space another name, or another zone of its site."""

    name: NewName
    to_zone: Annotated[str, msgspec.Meta(description="An existing zone of the same site.")] | None = None


class ZoneRename(OfZone, frozen=True, kw_only=True):
    """Give a zone another name."""

    name: NewName


class SiteRename(OfSite, frozen=True, kw_only=True):
    """Give a site another name."""

    name: NewName


class SpaceRemove(OfSpace, frozen=True, kw_only=True):
    """Remove a space. Its history stays."""

    dry_run: DryRun = False


class ZoneRemove(OfZone, frozen=True, kw_only=True):
    """Remove a zone. The history of its spaces stays."""

    with_spaces: WithSpaces = False
    dry_run: DryRun = False


class SiteRemove(OfSite, frozen=True, kw_only=True):
    """Remove a site. The history of its spaces stays."""

    with_spaces: WithSpaces = False
    dry_run: DryRun = False


Rename = SpaceRename | ZoneRename | SiteRename
Remove = SpaceRemove | ZoneRemove | SiteRemove


@verb("space/rename", SpaceRename)
async def space_rename(desk: Desk, asked: SpaceRename) -> Answer | Refusal:
    """Give a space another name, or another zone of its site."""
    found = await _renamable(desk, asked, await named_of_locked(desk, asked), zone=asked.to_zone or asked.zone)
    if isinstance(found, Refusal):
        return found
    (space,) = found
    zone_id = None
    if asked.to_zone is not None:
        zone = await named_places(desk, OfZone(site=asked.site, zone=asked.to_zone))
        if isinstance(zone, Refusal):
            return zone
        zone_id = zone[0].zone_id
    committed = await rename_space(desk.connection, space, zone_id=zone_id, name=asked.name, now=desk.now)
    return Answer({"name": f"{asked.site}/{asked.to_zone or asked.zone}/{asked.name}"}, committed)


@verb("zone/rename", ZoneRename)
async def zone_rename(desk: Desk, asked: ZoneRename) -> Answer | Refusal:
    """Give a zone another name."""
    found = await _renamable(desk, asked, await named_of_locked(desk, asked))
    if isinstance(found, Refusal):
        return found
    committed = await rename_zone(desk.connection, found, name=asked.name, now=desk.now)
    return Answer({"name": f"{asked.site}/{asked.name}"}, committed)


@verb("site/rename", SiteRename)
async def site_rename(desk: Desk, asked: SiteRename) -> Answer | Refusal:
    """Give a site another name."""
    found = await _renamable(desk, asked, await named_of_locked(desk, asked))
    if isinstance(found, Refusal):
        return found
    committed = await rename_site(desk.connection, found, name=asked.name, now=desk.now)
    return Answer({"name": asked.name}, committed)


@verb("space/remove", SpaceRemove)
async def space_remove(desk: Desk, asked: SpaceRemove) -> Answer | Refusal:
    """Remove a space. Its history stays, and its sensors become unassigned."""
    return await _remove(desk, asked, DueKind.SPACE)


@verb("zone/remove", ZoneRemove)
async def zone_remove(desk: Desk, asked: ZoneRemove) -> Answer | Refusal:
    """Remove a zone. The history of its spaces stays, and their sensors become unassigned."""
    return await _remove(desk, asked, DueKind.ZONE)


@verb("site/remove", SiteRemove)
async def site_remove(desk: Desk, asked: SiteRemove) -> Answer | Refusal:
    """Remove a site. The history of its spaces stays, and their sensors become unassigned."""
    return await _remove(desk, asked, DueKind.SITE)


async def named_of_locked(desk: Desk, asked: Place) -> list[NamedPlace] | Refusal:
    """The places of a register that is locked from now on."""
    await desk.connection.together(car_park.lock_register())
    return await named_places(desk, asked)


async def _renamable(
    desk: Desk, asked: Rename, found: Sequence[NamedPlace] | Refusal, *, zone: str | None = None
) -> Sequence[NamedPlace] | Refusal:
    """The places, if the new name can be theirs."""
    if isinstance(found, Refusal):
        return found
    try:
        cells.name(asked.name)
    except ValueError as refusal:
        return Refusal(Code.INVALID, f"name {refusal}")
    match asked:
        case SpaceRename():
            wanted: tuple[str, str | None, str | None] = (asked.site, zone, asked.name)
        case ZoneRename():
            wanted = (asked.site, asked.name, None)
        case _:
            wanted = (asked.name, None, None)
    (taken,) = await desk.connection.together(places.below(site=wanted[0], zone=wanted[1], space=wanted[2]))
    if taken:
        name = "/".join(one for one in wanted if one)
        return Refusal(Code.CONFLICT, f"There is already {name}: choose another name")
    return found


async def _remove(desk: Desk, asked: Remove, kind: DueKind) -> Answer | Refusal:
    found = await named_of_locked(desk, asked)
    if isinstance(found, Refusal):
        return found
    doomed = whole(found, kind=kind)
    if not isinstance(asked, SpaceRemove) and doomed.spaces and not asked.with_spaces:
        return Refusal(
            Code.CONFLICT,
            f"The {kind} has {len(doomed.spaces)} spaces: remove them too (with_spaces), or move them before",
        )
    if asked.dry_run:
        installed, counting = await desk.connection.together(
            assignments.in_spaces(doomed.spaces), counters.of_zones(doomed.zones)
        )
        return Answer(removed_of(doomed, installed, counting))
    removed, committed = await remove(desk.connection, doomed, now=desk.now, by=desk.by)
    return Answer(removed, committed)
