"""What the HTTP API answers: the messages of the contract with what their topics do not have. The OpenAPI document is made from these structs."""

from typing import Annotated, Final, Generic, TypeVar

import msgspec
from msgspec.structs import asdict

from parking_gateway.contract.messages import Count, CountsMessage, DeviceMessage, Instant, Name, SpaceMessage
from parking_gateway.contract.rendering import counts_message, device_message, space_message
from parking_gateway.core.due import DueDevice
from parking_gateway.core.overview import EndedStay, Position, WholeCounts, WholeSpace

Item = TypeVar("Item")


class PositionItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A position in degrees of WGS 84."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]


class SpaceItem(SpaceMessage, frozen=True, kw_only=True, gc=False):
    """The state of one space, as on its topic, with its attributes."""

    position: PositionItem | None
    purpose: str | None
    max_stay: Annotated[int, msgspec.Meta(ge=1)] | None
    """Seconds that a car may stay, if the space has a limit of its own."""
    tags: list[str]
    dev_eui: str | None
    """The sensor; of several the first one. Null: none."""


class ZoneItem(CountsMessage, frozen=True, kw_only=True, gc=False):
    """The spaces of a zone, counted by state, as on its topic, with its attributes."""

    zone: Name
    time_zone: str
    """The time zone of the site, by its name in the time zone database."""
    position: PositionItem | None
    """The middle of its spaces that have a position, else that of the site."""


class SiteItem(CountsMessage, frozen=True, kw_only=True, gc=False):
    """The spaces of a site, counted by state, as on its topic, with its attributes."""

    time_zone: str
    """By its name in the time zone database."""
    position: PositionItem | None
    """That of the register, else the middle of its spaces that have a position."""


class StayItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stay of a car that has ended."""

    id: int
    """As in the message on the topic of the stay. A corrected stay has a new id."""
    site: Name
    zone: Name
    space: Name
    """Site, zone and space are the names that the space had when the car came."""
    arrived_at: Instant
    departed_at: Instant
    seconds: Count
    overstay: bool
    """Whether the car stayed for longer than it might."""
    reservation: str | None
    """The one that held when the car came."""


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A part of a list."""

    items: list[Item]
    next: str | None
    """The address of the next page, without the host. Null: this is the last page."""


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not answered (RFC 9457)."""

    title: str
    """The name of the status."""
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    """A sentence: what is wrong, and what to do."""
    type: str = "about:blank"


PROBLEM_TYPE: Final = "application/problem+json"


def space_item(row: WholeSpace) -> SpaceItem:
    """A space with its attributes."""
    return SpaceItem(
        **asdict(space_message(row.state)),
        position=position_item(row.position),
        purpose=row.purpose,
        max_stay=row.max_stay,
        tags=row.tags,
        dev_eui=row.dev_eui,
    )


def zone_item(row: WholeCounts) -> ZoneItem:
    """A zone with its attributes."""
    fields = asdict(counts_message(row.counts))
    return ZoneItem(**fields, time_zone=row.time_zone, position=position_item(row.position))


def site_item(row: WholeCounts) -> SiteItem:
    """A site with its attributes."""
    fields = asdict(counts_message(row.counts))
    return SiteItem(**fields, time_zone=row.time_zone, position=position_item(row.position))


def device_item(row: DueDevice) -> DeviceMessage:
    """A device, as on its topic."""
    return device_message(row)


def stay_item(row: EndedStay) -> StayItem:
    """A stay that has ended."""
    return StayItem(
        id=row.id,
        site=row.site,
        zone=row.zone,
        space=row.space,
        arrived_at=row.arrived_at,
        departed_at=row.departed_at,
        seconds=round((row.departed_at - row.arrived_at).total_seconds()),
        overstay=row.is_overstay,
        reservation=row.reservation,
    )


def position_item(position: Position | None) -> PositionItem | None:
    """A position, if there is one."""
    return None if position is None else PositionItem(lat=position.lat, lon=position.lon)
