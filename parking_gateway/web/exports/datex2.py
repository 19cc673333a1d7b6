"""The publication of DATEX II, sent as it is read."""

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Final

from parking_gateway.contract.exports import datex2
from parking_gateway.core.overview import WholeCounts
from parking_gateway.store import overview
from parking_gateway.store.overview import WantedSpaces
from parking_gateway.web.api.endpoint import LARGEST_PAGE, Asked, Endpoint, Name, Pieces, encode
from parking_gateway.web.api.problem import Problem
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.exports.parkapi import MOST_SITES


class PublicationAsked(Asked, frozen=True, kw_only=True):
    """What the publication has."""

    site: Name | None = None
    """Only this site."""
    spaces: bool = False
    """Whether each space is in it too."""


async def _publication(desk: WebDesk, asked: PublicationAsked) -> Pieces:
    settings = desk.config.web
    if not settings.country:
        raise Problem(
            HTTPStatus.NOT_IMPLEMENTED, "DATEX II requires the country of its publisher: set web.country, such as DE."
        )
    (sites,) = await desk.read(overview.sites(limit=MOST_SITES, site=asked.site))
    return _pieces(desk, asked, sites)


async def _pieces(desk: WebDesk, asked: PublicationAsked, sites: list[WholeCounts]) -> AsyncIterator[bytes]:
    settings = desk.config.web
    creator = datex2.Creator(country=settings.country, nationalIdentifier=settings.publisher)
    yield datex2.opening(sites, creator=creator, language=settings.language, now=desk.clock())
    wanted = WantedSpaces(site=asked.site, with_position=True)
    separator, has_more = b"", asked.spaces
    after: Sequence[str] = ()
    while has_more:
        (rows,) = await desk.read(overview.spaces(wanted, after=after, limit=LARGEST_PAGE))
        found = [encode(datex2.space(row, row.position)) for row in rows]
        if found:
            yield separator + b",".join(found)
            last = rows[-1].state
            separator, after = b",", (last.site, last.zone, last.space)
        has_more = len(rows) == LARGEST_PAGE
    yield datex2.CLOSING


ENDPOINTS: Final = (
    Endpoint(
        path="/exports/datex2",
        name="exportDatex2",
        summary="Parking Publication Light of DATEX II",
        details="A site is a parkingSite; with spaces=true, each space is a parkingSpace. Both require a position, so places without one"
        " are left out.",
        asked=PublicationAsked,
        answers=datex2.Payload,
        is_streamed=True,
        work=_publication,
        statuses=(501,),
    ),
)
