"""DATEX II Parking Publication Light (profile 02-00-00 of version 3), in its JSON encoding.

A site is a `ParkingSite`, a space a `ParkingSpace`. The definition is https://docs.datex2.eu/downloads/parkinglight.html; the
structs have the attributes of it that the gateway knows, and every required one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Generic, Literal, TypeVar

import msgspec

from parking_gateway.contract.exports.availability import Availability, availability_of
from parking_gateway.contract.messages import Count, Instant
from parking_gateway.core.audience import Audience
from parking_gateway.core.overview import Position, WholeCounts, WholeSpace

Word = TypeVar("Word")


class Term(msgspec.Struct, Generic[Word], frozen=True, kw_only=True):
    """A word of an enumeration."""

    value: Word


class Creator(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes."""

    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
    nationalIdentifier: str  # noqa: N815 - this and the others are the names of DATEX II


class Coordinate(msgspec.Struct, frozen=True, kw_only=True):
    """A position in degrees."""

    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it is."""

    coordinatesForDisplay: Coordinate  # noqa: N815
    locationDescriptor: str | None = None  # noqa: N815


AssignmentType = Literal["allowedFor", "onlyFor"]
UserType = Literal["disabled", "families", "women", "residents", "staff"]
VehicleType = Literal["motorcycle", "bus"]


class Assignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """For whom it is."""

    typeOfAssignment: Term[AssignmentType]  # noqa: N815
    user: Term[UserType] | None = None
    vehicleType: Term[VehicleType] | None = None  # noqa: N815
    fuelType: Term[Literal["battery"]] | None = None  # noqa: N815
    additionalAssignment: str | None = None  # noqa: N815
    availableSpaces: Count | None = None  # noqa: N815


class ParkingSite(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A car park."""

    id: str = msgspec.field(name="_id")
    type: Term[Literal["other"]] = msgspec.field(default_factory=lambda: Term(value="other"))
    name: str
    lastUpdate: Instant | None = None  # noqa: N815
    numberOfSpaces: Count  # noqa: N815
    """Without those in maintenance."""
    availableSpaces: Count  # noqa: N815
    assignedFor: list[Assignment] = []  # noqa: N815
    locationAndDimension: Location  # noqa: N815


class SiteReference(msgspec.Struct, frozen=True, kw_only=True):
    """The site of a space."""

    targetClass: Literal["ParkingSite"]  # noqa: N815
    id: str = msgspec.field(name="_id")


class ParkingSpace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A space."""

    id: str = msgspec.field(name="_id")
    externalIdentifier: str  # noqa: N815
    parkingSiteReference: SiteReference  # noqa: N815
    lastUpdate: Instant  # noqa: N815
    availability: Term[Literal["available", "closed", "occupied", "unknown"]]
    maximumParkingDuration: Count | None = None  # noqa: N815
    assignedFor: list[Assignment] = []  # noqa: N815
    locationAndDimension: Location  # noqa: N815


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A publication: sites, and spaces where they were asked for."""

    lang: str
    publicationTime: Instant  # noqa: N815
    publicationCreator: Creator  # noqa: N815
    parkingSite: list[ParkingSite]  # noqa: N815
    parkingSpace: list[ParkingSpace]  # noqa: N815


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document."""

    version: Literal["3"] = msgspec.field(name="_version", default="3")
    modelBaseVersion: Literal["3"] = msgspec.field(name="_modelBaseVersion", default="3")  # noqa: N815
    profileName: Literal["Parking Publication light"] = msgspec.field(  # noqa: N815
        name="_profileName", default="Parking Publication light"
    )
    profileVersion: Literal["02-00-00"] = msgspec.field(name="_profileVersion", default="02-00-00")  # noqa: N815
    parkingPublicationLight: Publication  # noqa: N815


CLOSING: Final = b"]}}"
"""Behind the last space."""
_AVAILABILITIES: Final[Mapping[Availability, Literal["available", "closed", "occupied", "unknown"]]] = {
    Availability.FREE: "available",
    Availability.OCCUPIED: "occupied",
    Availability.CLOSED: "closed",
    Availability.UNKNOWN: "unknown",
}
_USERS: Final[Mapping[Audience, UserType]] = {
    Audience.DISABLED: "disabled",
    Audience.FAMILY: "families",
    Audience.WOMEN: "women",
    Audience.RESIDENT: "residents",
    Audience.STAFF: "staff",
}
_VEHICLES: Final[Mapping[Audience, VehicleType]] = {Audience.MOTORCYCLE: "motorcycle", Audience.BUS: "bus"}


def opening(sites: Sequence[WholeCounts], *, creator: Creator, language: str, now: datetime) -> bytes:
    """The document up to its first space. A site without a position is left out, because the definition requires one.

    The spaces follow, with commas between them, and then `CLOSING`. So a large car park is never in memory as a whole.
    """
    publication = Publication(
        lang=language,
        publicationTime=now,
        publicationCreator=creator,
        parkingSite=[_site(one, one.position) for one in sites if one.position is not None],
        parkingSpace=[],
    )
    return msgspec.json.encode(Payload(parkingPublicationLight=publication)).removesuffix(CLOSING)


def space(row: WholeSpace, position: Position) -> ParkingSpace:
    """A space, at its position."""
    state = row.state
    return ParkingSpace(
        id=f"{state.site}/{state.zone}/{state.space}",
        externalIdentifier=state.space,
        parkingSiteReference=SiteReference(targetClass="ParkingSite", id=state.site),
        lastUpdate=state.updated_at,
        availability=Term(value=_AVAILABILITIES[availability_of(state)]),
        maximumParkingDuration=row.max_stay,
        assignedFor=[] if state.audience is None else [_assignment("onlyFor", state.audience)],
        locationAndDimension=_location(position, f"{state.zone}, {state.space}"),
    )


def _site(row: WholeCounts, position: Position) -> ParkingSite:
    counts = row.counts
    return ParkingSite(
        id=counts.site,
        name=counts.site,
        lastUpdate=row.updated_at,
        numberOfSpaces=counts.total - counts.maintenance,
        availableSpaces=counts.free,
        assignedFor=[*_assignments(counts.audiences)],
        locationAndDimension=_location(position),
    )


def _assignments(audiences: Mapping[Audience, tuple[int, int]]) -> Iterator[Assignment]:
    for audience, (_, free) in audiences.items():
        yield msgspec.structs.replace(_assignment("allowedFor", audience), availableSpaces=free)


def _assignment(kind: AssignmentType, audience: Audience) -> Assignment:
    type_of: Term[AssignmentType] = Term(value=kind)
    if user := _USERS.get(audience):
        return Assignment(typeOfAssignment=type_of, user=Term(value=user))
    if vehicle := _VEHICLES.get(audience):
        return Assignment(typeOfAssignment=type_of, vehicleType=Term(value=vehicle))
    if audience is Audience.EV:
        return Assignment(typeOfAssignment=type_of, fuelType=Term(value="battery"))
    return Assignment(typeOfAssignment=type_of, additionalAssignment=audience.value)


def _location(position: Position, descriptor: str | None = None) -> Location:
    where = Coordinate(latitude=position.lat, longitude=position.lon)
    return Location(coordinatesForDisplay=where, locationDescriptor=descriptor)
