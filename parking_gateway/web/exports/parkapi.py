"""The lots of ParkAPI."""

from typing import Final

from parking_gateway.contract.exports import parkapi
from parking_gateway.store import overview
from parking_gateway.web.api.endpoint import Asked, Endpoint, Whole, encode
from parking_gateway.web.desk import WebDesk

MOST_SITES: Final = 10_000
"""Sites that one answer has at most."""


class CityAsked(Asked, frozen=True, kw_only=True):
    """Nothing: it is one answer."""


async def _city(desk: WebDesk, _: CityAsked) -> Whole:
    (sites,) = await desk.read(overview.sites(limit=MOST_SITES))
    return Whole(content=encode(parkapi.city(sites, now=desk.clock())))


ENDPOINTS: Final = (
    Endpoint(
        path="/exports/parkapi",
        name="exportParkApi",
        summary="All sites as lots of ParkAPI, version 1",
        asked=CityAsked,
        answers=parkapi.City,
        work=_city,
    ),
)
