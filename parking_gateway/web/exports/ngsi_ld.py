"""Entities of NGSI-LD, a page at a time, as a context broker takes them."""

from typing import Any, Final, Literal

from parking_gateway.contract.exports import ngsi_ld
from parking_gateway.contract.exports.ngsi_ld import EntityType
from parking_gateway.store import overview
from parking_gateway.store.overview import WantedSpaces
from parking_gateway.web.api.endpoint import Endpoint, Name, PageAsked, Whole, cut, encode, names_in
from parking_gateway.web.api.places import place_of_counts, place_of_space
from parking_gateway.web.desk import WebDesk


class EntitiesAsked(PageAsked, frozen=True, kw_only=True):
    """Which entities, and in which form."""

    type: EntityType
    """A space is a ParkingSpot, a zone a ParkingGroup, a site an OffStreetParking."""
    site: Name | None = None
    """Only those of this site."""
    format: Literal["normalized", "simplified"] = "normalized"
    """normalized: each attribute is an object that says what it is. simplified: keys and values."""


async def _entities(desk: WebDesk, asked: EntitiesAsked) -> Whole:
    is_simplified = asked.format == "simplified"
    limit = asked.limit + 1
    entities: list[ngsi_ld.Entity]
    if asked.type == "ParkingSpot":
        wanted = WantedSpaces(site=asked.site, with_position=True)
        (spaces,) = await desk.read(overview.spaces(wanted, after=names_in(asked.after, levels=3), limit=limit))
        shown, following = cut(spaces, asked, path=_PATH, place=place_of_space)
        entities = [ngsi_ld.spot(one, is_simplified=is_simplified) for one in shown]
    elif asked.type == "ParkingGroup":
        (zones,) = await desk.read(overview.zones(after=names_in(asked.after, levels=2), limit=limit, site=asked.site))
        groups, following = cut(zones, asked, path=_PATH, place=place_of_counts)
        entities = [ngsi_ld.group(one, is_simplified=is_simplified) for one in groups]
    else:
        (rows,) = await desk.read(overview.sites(after=names_in(asked.after, levels=1), limit=limit, site=asked.site))
        sites, following = cut(rows, asked, path=_PATH, place=place_of_counts)
        # An OffStreetParking requires a position.
        entities = [ngsi_ld.site(one, is_simplified=is_simplified) for one in sites if one.position is not None]
    return Whole(content=encode(entities), next=following)


_PATH: Final = "/exports/ngsi-ld"
ENDPOINTS: Final = (
    Endpoint(
        path=_PATH,
        name="exportNgsiLd",
        summary="Entities of NGSI-LD by the data models of Smart Data Models",
        details="A space is a ParkingSpot, a zone a ParkingGroup, a site an OffStreetParking. ParkingSpot and OffStreetParking require a"
        " position, so places without one are left out. The header Link has the next page.",
        asked=EntitiesAsked,
        answers=list[dict[str, Any]],
        content="application/ld+json",
        work=_entities,
    ),
)
