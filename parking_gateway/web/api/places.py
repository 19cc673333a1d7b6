"""Spaces, zones and sites."""

from collections.abc import Sequence
from typing import Final

import msgspec

from parking_gateway.contract.overview import Page, SiteItem, SpaceItem, ZoneItem, site_item, space_item, zone_item
from parking_gateway.core.audience import Audience
from parking_gateway.core.overview import WholeCounts, WholeSpace
from parking_gateway.core.space import Contact, SpaceState
from parking_gateway.store import overview
from parking_gateway.store.overview import WantedSpaces
from parking_gateway.web.api.endpoint import Asked, Endpoint, Name, PageAsked, Whole, encode, names_in, paged
from parking_gateway.web.api.problem import nothing
from parking_gateway.web.desk import WebDesk


class SpacesAsked(PageAsked, frozen=True, kw_only=True):
    """Which spaces."""

    site: Name | None = None
    """Only those of this site."""
    zone: Name | None = None
    """Only those of zones with this name."""
    state: SpaceState | None = None
    """Only those in this state."""
    contact: Contact | None = None
    """Only those whose sensor is heard, or is not."""
    audience: Audience | None = None
    """Only those that are for these drivers."""


class SpaceAsked(Asked, frozen=True, kw_only=True):
    """One space."""

    site: Name
    """The name of the site."""
    zone: Name
    """The name of the zone."""
    space: Name
    """The name of the space."""


class ZonesAsked(PageAsked, frozen=True, kw_only=True):
    """Which zones."""

    site: Name | None = None
    """Only those of this site."""


class ZoneAsked(Asked, frozen=True, kw_only=True):
    """One zone."""

    site: Name
    """The name of the site."""
    zone: Name
    """The name of the zone."""


class SiteAsked(Asked, frozen=True, kw_only=True):
    """One site."""

    site: Name
    """The name of the site."""


_SPACES: Final = "/spaces"
_ZONES: Final = "/zones"
_SITES: Final = "/sites"


async def _spaces(desk: WebDesk, asked: SpacesAsked) -> Whole:
    wanted = WantedSpaces(
        site=asked.site, zone=asked.zone, state=asked.state, contact=asked.contact, audience=asked.audience
    )
    after = names_in(asked.after, levels=3)
    (rows,) = await desk.read(overview.spaces(wanted, after=after, limit=asked.limit + 1))
    return paged(rows, asked, path=_SPACES, place=place_of_space, item=space_item)


async def _space(desk: WebDesk, asked: SpaceAsked) -> Whole:
    (rows,) = await desk.read(overview.space_named(asked.site, asked.zone, asked.space))
    return _one([space_item(row) for row in rows], "space", asked.site, asked.zone, asked.space)


async def _zones(desk: WebDesk, asked: ZonesAsked) -> Whole:
    after = names_in(asked.after, levels=2)
    (rows,) = await desk.read(overview.zones(after=after, limit=asked.limit + 1, site=asked.site))
    return paged(rows, asked, path=_ZONES, place=place_of_counts, item=zone_item)


async def _zone(desk: WebDesk, asked: ZoneAsked) -> Whole:
    (rows,) = await desk.read(overview.zones(limit=1, site=asked.site, zone=asked.zone))
    return _one([zone_item(row) for row in rows], "zone", asked.site, asked.zone)


async def _sites(desk: WebDesk, asked: PageAsked) -> Whole:
    (rows,) = await desk.read(overview.sites(after=names_in(asked.after, levels=1), limit=asked.limit + 1))
    return paged(rows, asked, path=_SITES, place=place_of_counts, item=site_item)


async def _site(desk: WebDesk, asked: SiteAsked) -> Whole:
    (rows,) = await desk.read(overview.sites(limit=1, site=asked.site))
    return _one([site_item(row) for row in rows], "site", asked.site)


def place_of_space(row: WholeSpace) -> str:
    """Where a page behind this space begins."""
    return f"{row.state.site}/{row.state.zone}/{row.state.space}"


def place_of_counts(row: WholeCounts) -> str:
    """Where a page behind this zone or site begins."""
    counts = row.counts
    return counts.site if counts.zone is None else f"{counts.site}/{counts.zone}"


def _one(items: Sequence[msgspec.Struct], kind: str, *names: str) -> Whole:
    if not items:
        raise nothing(f"{kind} {'/'.join(names)}")
    return Whole(content=encode(items[0]))


ENDPOINTS: Final = (
    Endpoint(
        path=_SPACES,
        name="listSpaces",
        summary="Spaces with their states, by site, zone and name",
        asked=SpacesAsked,
        answers=Page[SpaceItem],
        work=_spaces,
    ),
    Endpoint(
        path=f"{_SPACES}/{{site}}/{{zone}}/{{space}}",
        name="getSpace",
        summary="One space",
        asked=SpaceAsked,
        answers=SpaceItem,
        work=_space,
        statuses=(404,),
    ),
    Endpoint(
        path=_ZONES,
        name="listZones",
        summary="Zones with the numbers of their spaces, by site and name",
        asked=ZonesAsked,
        answers=Page[ZoneItem],
        work=_zones,
    ),
    Endpoint(
        path=f"{_ZONES}/{{site}}/{{zone}}",
        name="getZone",
        summary="One zone",
        asked=ZoneAsked,
        answers=ZoneItem,
        work=_zone,
        statuses=(404,),
    ),
    Endpoint(
        path=_SITES,
        name="listSites",
        summary="Sites with the numbers of their spaces, by name",
        asked=PageAsked,
        answers=Page[SiteItem],
        work=_sites,
    ),
    Endpoint(
        path=f"{_SITES}/{{site}}",
        name="getSite",
        summary="One site",
        asked=SiteAsked,
        answers=SiteItem,
        work=_site,
        statuses=(404,),
    ),
)
