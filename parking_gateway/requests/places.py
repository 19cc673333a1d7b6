"""Spaces, zones and sites as requests name them: the parameters, and the spaces that they mean."""

import difflib
from typing import Annotated

import msgspec

from parking_gateway.core.space import SpaceId
from parking_gateway.requests.desk import Code, Desk, Refusal
from parking_gateway.store import places
from parking_gateway.store.places import NamedPlace

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern="^[^+#/]+$", description="As in the topics.")]


class OfSite(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a verb about a site. Further parameters follow in a subclass."""

    site: Name


class OfZone(OfSite, frozen=True, kw_only=True):
    """The parameters of a verb about a zone."""

    zone: Name


class OfSpace(OfZone, frozen=True, kw_only=True):
    """The parameters of a verb about a space."""

    space: Name


Place = OfSite | OfZone | OfSpace


async def spaces_of(desk: Desk, place: Place) -> list[SpaceId] | Refusal:
    """The ids of the spaces in this place, in order. A place that does not exist is refused."""
    found = await named_places(desk, place)
    return found if isinstance(found, Refusal) else [one.space_id for one in found if one.space_id is not None]


async def named_places(desk: Desk, place: Place) -> list[NamedPlace] | Refusal:
    """The sites, zones and spaces in this place, with their names. A place that does not exist is refused."""
    zone = place.zone if isinstance(place, OfZone) else None
    space = place.space if isinstance(place, OfSpace) else None
    (found,) = await desk.connection.together(places.below(site=place.site, zone=zone, space=space))
    return found or await _no_such(desk, place)


async def _no_such(desk: Desk, place: Place) -> Refusal:
    zone = place.zone if isinstance(place, OfZone) else None
    space = place.space if isinstance(place, OfSpace) else None
    (known,) = await desk.connection.together(places.named())
    wanted = "/".join(name for name in (place.site, zone, space) if name is not None)
    near = difflib.get_close_matches(wanted, (one for one in known if one.count("/") == wanted.count("/")), n=1)
    hint = f"did you mean {near[0]}?" if near else "`parking-gateway spaces list` lists all places"
    return Refusal(Code.NOT_FOUND, f"There is no {_KINDS[wanted.count('/')]} {wanted}: {hint}")


async def space_of(desk: Desk, place: OfSpace) -> SpaceId | Refusal:
    """The id of the space."""
    found = await spaces_of(desk, place)
    return found if isinstance(found, Refusal) else found[0]


_KINDS = ("site", "zone", "space")
