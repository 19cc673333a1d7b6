"""NGSI-LD entities `ParkingSpot`, `ParkingGroup` and `OffStreetParking` of Smart Data Models.

A space is a `ParkingSpot`, a zone a `ParkingGroup`, a site an `OffStreetParking`. The definitions are those of
https://github.com/smart-data-models/dataModel.Parking. An entity is normalized (each attribute an object with its type), or
simplified to keys and values, for which the published JSON Schemas are.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from parking_gateway.contract.exports.availability import availability_of
from parking_gateway.core.overview import Position, WholeCounts, WholeSpace

EntityType = Literal["ParkingSpot", "ParkingGroup", "OffStreetParking"]
Entity = dict[str, Any]

CONTEXT: Final = [
    "https://raw.githubusercontent.com/smart-data-models/dataModel.Parking/master/context.jsonld",
    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld",
]
"""The vocabularies of the attributes. Readers resolve them; the gateway never does."""


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute of an entity, before it is written in one of the two forms."""

    name: str
    kind: Literal["Property", "GeoProperty", "Relationship"] = "Property"
    value: Any
    observed_at: datetime | None = None


def spot(row: WholeSpace, *, is_simplified: bool) -> Entity:
    """A space. It has a position, because a `ParkingSpot` requires one."""
    state = row.state
    attributes = [
        Attribute(name="name", value=state.space),
        Attribute(name="category", value=["offStreet"]),
        Attribute(name="status", value=availability_of(state).value, observed_at=state.since),
        *_location(row.position),
        Attribute(name="refParkingSite", kind="Relationship", value=_site_id(state.site)),
        Attribute(name="refParkingGroup", kind="Relationship", value=_group_id(state.site, state.zone)),
    ]
    if row.dev_eui is not None:
        device = [urn("Device", row.dev_eui)]
        attributes.append(Attribute(name="refDevice", kind="Relationship", value=device))
    key = urn("ParkingSpot", state.site, state.zone, state.space)
    return _entity("ParkingSpot", key, attributes, is_simplified=is_simplified)


def group(row: WholeCounts, *, is_simplified: bool) -> Entity:
    """A zone."""
    counts = row.counts
    zone = counts.zone or ""
    attributes = [
        Attribute(name="name", value=zone),
        Attribute(name="category", value=["offStreet"]),
        Attribute(name="refParkingSite", kind="Relationship", value=_site_id(counts.site)),
        *_location(row.position),
        *_numbers(row),
    ]
    return _entity("ParkingGroup", _group_id(counts.site, zone), attributes, is_simplified=is_simplified)


def site(row: WholeCounts, *, is_simplified: bool) -> Entity:
    """A site. It has a position, because an `OffStreetParking` requires one."""
    counts = row.counts
    is_full = counts.total > 0 and counts.free == 0
    attributes = [
        Attribute(name="name", value=counts.site),
        *_location(row.position),
        *_numbers(row),
        Attribute(name="occupiedSpotNumber", value=counts.occupied),
        Attribute(name="occupancy", value=counts.occupied / counts.total if counts.total else 0),
        Attribute(name="status", value=["open", "full" if is_full else "spacesAvailable"], observed_at=row.updated_at),
    ]
    return _entity("OffStreetParking", _site_id(counts.site), attributes, is_simplified=is_simplified)


def urn(kind: str, *names: str) -> str:
    """The id of an entity. What a URN cannot hold is percent-encoded."""
    return f"urn:ngsi-ld:{kind}:{':'.join(quote(name, safe='') for name in names)}"


def _site_id(name: str) -> str:
    return urn("OffStreetParking", name)


def _group_id(site_name: str, zone: str) -> str:
    return urn("ParkingGroup", site_name, zone)


def _location(position: Position | None) -> Iterator[Attribute]:
    if position is not None:
        # GeoJSON has the longitude first.
        point = {"type": "Point", "coordinates": [position.lon, position.lat]}
        yield Attribute(name="location", kind="GeoProperty", value=point)


def _numbers(row: WholeCounts) -> Iterator[Attribute]:
    counts = row.counts
    if counts.total:  # the definition has no place without spots
        yield Attribute(name="totalSpotNumber", value=counts.total)
    yield Attribute(name="availableSpotNumber", value=counts.free)
    yield Attribute(name="occupancyDetectionType", value=[*_detections(row)])


def _detections(row: WholeCounts) -> Iterator[str]:
    """How its numbers come about. A site can have zones of both kinds."""
    is_counted = row.counted > 0 or row.counts.drift is not None
    if row.counts.total > row.counted or not is_counted:
        yield "singleSpaceDetection"
    if is_counted:
        yield "balancing"


def _entity(kind: EntityType, key: str, attributes: list[Attribute], *, is_simplified: bool) -> Entity:
    written = _simplified if is_simplified else _normalized
    return {"id": key, "type": kind, **{one.name: written(one) for one in attributes}, "@context": CONTEXT}


def _simplified(attribute: Attribute) -> Any:
    return attribute.value


def _normalized(attribute: Attribute) -> Entity:
    value = "object" if attribute.kind == "Relationship" else "value"
    observed = {} if attribute.observed_at is None else {"observedAt": attribute.observed_at}
    return {"type": attribute.kind, value: attribute.value, **observed}
