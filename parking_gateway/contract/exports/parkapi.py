"""The JSON of ParkAPI, version 1, which ParkenDD and others read: a list of lots with their free places. A site is a lot.

Its definition is https://github.com/offenesdresden/ParkAPI. Times are in UTC and have no zone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from parking_gateway.contract.messages import Count
from parking_gateway.core.overview import WholeCounts

Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$", description="UTC, without a zone.")]


class Coordinates(msgspec.Struct, frozen=True, kw_only=True):
    """The position of a lot."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lng: Annotated[float, msgspec.Meta(ge=-180, le=180)]


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """One car park."""

    id: str
    name: str
    state: Literal["open", "nodata"]
    """nodata: no sensor and no counter of the lot is heard."""
    total: Count
    free: Count | msgspec.UnsetType = msgspec.UNSET
    """Left out with the state nodata."""
    coords: Coordinates | None
    """Null: the site has no position, and neither has a space of it."""
    forecast: bool = False
    """Whether there is a forecast."""


class City(msgspec.Struct, frozen=True, kw_only=True):
    """All lots."""

    last_updated: Time
    """When a space changed, or a counter counted, last."""
    last_downloaded: Time
    lots: list[Lot]


def city(sites: Sequence[WholeCounts], *, now: datetime) -> City:
    """All sites as lots."""
    updates = [one.updated_at for one in sites if one.updated_at is not None]
    return City(last_updated=_time(max(updates, default=now)), last_downloaded=_time(now), lots=[*map(_lot, sites)])


def _lot(row: WholeCounts) -> Lot:
    counts = row.counts
    is_heard = counts.unreachable + row.silent < counts.total
    return Lot(
        id=quote(counts.site, safe=""),
        name=counts.site,
        state="open" if is_heard else "nodata",
        total=counts.total,
        free=counts.free if is_heard else msgspec.UNSET,
        coords=None if row.position is None else Coordinates(lat=row.position.lat, lng=row.position.lon),
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
