"""The car park in the forms of others, held against their published definitions."""

import csv
import io
import json
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from parking_gateway.contract.exports import cds, datex2, ngsi_ld, parkapi
from parking_gateway.contract.exports.availability import Availability, availability_of
from parking_gateway.contract.schemas import schema_of
from parking_gateway.core.audience import Audience
from parking_gateway.core.due import DueCounts
from parking_gateway.core.overview import Passage, Position, WholeCounts, WholeSpace
from parking_gateway.core.space import Contact, SpaceState
from tests import due
from tests.due import NOON

HERE = Position(51.05, 13.74)
STATE = msgspec.structs.replace(due.SPACE, site="Käufer & Co.", zone="level 1")
SPACE = WholeSpace(state=STATE, position=HERE, purpose=None, max_stay=3600, tags=[], dev_eui="a840410000000001")
COUNTS = DueCounts(
    key=1,
    version=2,
    published_version=0,
    site=STATE.site,
    zone=STATE.zone,
    total=10,
    free=3,
    occupied=4,
    reserved=1,
    maintenance=2,
    unreachable=2,
    audiences=dict.fromkeys(Audience, (2, 1)),
)
ZONE = WholeCounts(counts=COUNTS, time_zone="UTC", position=HERE, updated_at=NOON)
SITE = msgspec.structs.replace(ZONE, counts=msgspec.structs.replace(COUNTS, zone=None))
EMPTY = WholeCounts(
    counts=msgspec.structs.replace(
        COUNTS, zone=None, total=0, free=0, occupied=0, reserved=0, maintenance=0, unreachable=0, audiences={}
    ),
    time_zone="UTC",
    position=None,
    updated_at=None,
)
COUNTED_SITE = msgspec.structs.replace(SITE, counted=10)
"""All of its zones are counted at their entries and exits."""

# What a driver finds


@pytest.mark.parametrize(
    ("state", "occupancy", "contact", "expected"),
    [
        (SpaceState.FREE, "vacant", Contact.LIVE, Availability.FREE),
        (SpaceState.OCCUPIED, "occupied", Contact.LIVE, Availability.OCCUPIED),
        (SpaceState.RESERVED, "vacant", Contact.LIVE, Availability.CLOSED),
        (SpaceState.MAINTENANCE, "vacant", Contact.LOST, Availability.CLOSED),
        (SpaceState.FREE, "vacant", Contact.LOST, Availability.UNKNOWN),
        (SpaceState.OCCUPIED, "occupied", Contact.LOST, Availability.UNKNOWN),
        (SpaceState.FREE, "unknown", Contact.NEVER, Availability.UNKNOWN),
    ],
)
def test_a_space_that_nobody_can_promise_is_not_free(
    state: SpaceState, occupancy: Any, contact: Contact, expected: Availability
) -> None:
    row = msgspec.structs.replace(STATE, state=state, occupancy=occupancy, contact=contact)
    assert availability_of(row) is expected


# NGSI-LD

PUBLISHED = Path(__file__).parent / "smart_data_models"
SCHEMAS = {file.stem: json.loads(file.read_text()) for file in PUBLISHED.glob("*.json")}
COMMON: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()]
)


def published_mistakes(entity: dict[str, Any]) -> list[str]:
    """What the published schema of its type finds wrong with a simplified entity, as it is in JSON."""
    validator = Draft202012Validator(SCHEMAS[entity["type"]], registry=COMMON, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(msgspec.to_builtins(entity))]


def in_json(entity: dict[str, Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(entity))


def entities(*, is_simplified: bool) -> list[dict[str, Any]]:
    spaces = [
        msgspec.structs.replace(
            SPACE, state=msgspec.structs.replace(STATE, state=state, contact=contact), dev_eui=dev_eui
        )
        for state, contact, dev_eui in product(SpaceState, Contact, (None, SPACE.dev_eui))
    ]
    counted = msgspec.structs.replace(ZONE, counts=msgspec.structs.replace(COUNTS, drift=2))
    full = msgspec.structs.replace(SITE, counts=msgspec.structs.replace(SITE.counts, free=0), updated_at=None)
    return [
        *(ngsi_ld.spot(one, is_simplified=is_simplified) for one in spaces),
        *(ngsi_ld.group(one, is_simplified=is_simplified) for one in (ZONE, counted, EMPTY)),
        *(ngsi_ld.site(one, is_simplified=is_simplified) for one in (SITE, full, COUNTED_SITE)),
    ]


def test_entities_keep_to_the_schemas_of_smart_data_models() -> None:
    found = entities(is_simplified=True)
    assert {one["type"] for one in found} == {"ParkingSpot", "ParkingGroup", "OffStreetParking"}
    assert [published_mistakes(one) for one in found] == [[]] * len(found)


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"status": "reserved"}, "'reserved' is not one of"),
        ({"location": {"type": "Point", "coordinates": [13]}}, "is not valid under any of the given schemas"),
        ({"refDevice": []}, "[] should be non-empty"),
    ],
)
def test_the_schemas_refuse_another_entity(change: dict[str, Any], mistake: str) -> None:
    """Without this, a schema that accepts everything would pass."""
    (found,) = published_mistakes(ngsi_ld.spot(SPACE, is_simplified=True) | change)
    assert mistake in found


def test_a_normalized_entity_says_what_each_attribute_is() -> None:
    simplified, normalized = entities(is_simplified=True), entities(is_simplified=False)
    for plain, whole in zip(map(in_json, simplified), map(in_json, normalized), strict=True):
        assert list(plain) == list(whole)
        for name in whole.keys() - {"id", "type", "@context"}:
            attribute = whole[name]
            value = attribute["object" if attribute["type"] == "Relationship" else "value"]
            assert value == plain[name]
            kind = {"location": "GeoProperty"}.get(name, "Relationship" if name.startswith("ref") else "Property")
            assert attribute["type"] == kind
    spot = in_json(ngsi_ld.spot(SPACE, is_simplified=False))
    assert spot["status"] == {"type": "Property", "value": "occupied", "observedAt": "2026-11-23T12:00:00Z"}


def test_an_id_is_a_urn_whatever_the_names_have() -> None:
    spot = ngsi_ld.spot(SPACE, is_simplified=True)
    assert spot["id"] == "urn:ngsi-ld:ParkingSpot:K%C3%A4ufer%20%26%20Co.:level%201:A-012"
    assert spot["refParkingGroup"] == ngsi_ld.group(ZONE, is_simplified=True)["id"]
    assert spot["refParkingSite"] == ngsi_ld.site(SITE, is_simplified=True)["id"]


def test_how_a_zone_or_a_site_is_counted_is_named() -> None:
    counted_zone = msgspec.structs.replace(ZONE, counts=msgspec.structs.replace(COUNTS, drift=0), counted=10)
    of_both = msgspec.structs.replace(SITE, counted=4)
    rows = [ngsi_ld.group(one, is_simplified=True) for one in (ZONE, counted_zone)]
    rows += [ngsi_ld.site(one, is_simplified=True) for one in (SITE, COUNTED_SITE, of_both)]
    assert [one["occupancyDetectionType"] for one in rows] == [
        ["singleSpaceDetection"],
        ["balancing"],
        ["singleSpaceDetection"],
        ["balancing"],
        ["singleSpaceDetection", "balancing"],
    ]


# DATEX II

REQUIRED = {
    "ParkingPublicationLight": {"lang", "publicationTime", "publicationCreator"},
    "InternationalIdentifier": {"country", "nationalIdentifier"},
    "ParkingSite": {"_id", "type", "locationAndDimension"},
    "ParkingSpace": {"_id", "availability", "locationAndDimension"},
    "Reference": {"_id", "targetClass"},
    "LocationAndDimension": {"coordinatesForDisplay"},
    "Coordinate": {"latitude", "longitude"},
    "Assignment": {"typeOfAssignment"},
    "Payload": {"_modelBaseVersion"},
}
"""The required attributes of the published definition, version 02-00-00."""
OPTIONAL = {
    "ParkingPublicationLight": {"name", "description", "parkingSite", "parkingSpace"},
    "ParkingSite": {
        "lastUpdate", "name", "description", "equipmentAndServices", "security", "openingTimesDescription", "isOpenNow",
        "temporaryClosed", "operatorInformation", "tariffDescription", "freeParking", "zoneDescription", "urlLinkAddress",
        "maximumParkingDuration", "numberOfSpaces", "availableSpaces", "occupancyTrend", "assignedFor",
    },
    "ParkingSpace": {
        "externalIdentifier", "parkingSiteReference", "lastUpdate", "accessibility", "maximumParkingDuration",
        "nextAvailableTimeSlot", "assignedFor",
    },
    "LocationAndDimension": {
        "locationDescriptor", "specificAccessInformation", "level", "roadNumber", "roadName", "gmlLinearRing", "dimension",
    },
    "Assignment": {"vehicleType", "fuelType", "user", "additionalAssignment", "availableSpaces"},
    "Payload": {"_version", "_profileName", "_profileVersion", "parkingPublicationLight"},
}  # fmt: skip
"""Its other attributes."""
WORDS = {
    "availability": {"available", "closed", "occupied", "unknown"},
    "typeOfAssignment": {"allowedFor", "onlyFor", "optimisedFor", "prohibitedFor"},
    "type": {
        "carPark", "onStreet", "offStreetParkingGround", "motorwayParking", "restArea", "temporaryParking",
        "specialLocationParking", "other",
    },
    "user": {"disabled", "families", "women", "residents", "staff"},
    "vehicleType": {"motorcycle", "bus"},
    "fuelType": {"battery"},
}  # fmt: skip
"""Words of its enumerations; of the long ones, those for audiences."""


def publication(*spaces: WholeSpace) -> Any:
    creator = datex2.Creator(country="DE", nationalIdentifier="DE-Example")
    opening = datex2.opening([SITE, EMPTY], creator=creator, language="en", now=NOON)
    bodies = [msgspec.json.encode(datex2.space(one, HERE)) for one in spaces]
    return json.loads(opening + b",".join(bodies) + datex2.CLOSING)


def require_definition(name: str, found: dict[str, Any]) -> None:
    assert REQUIRED[name] <= found.keys() <= REQUIRED[name] | OPTIONAL.get(name, set())
    for attribute in found.keys() & WORDS.keys():
        assert found[attribute].keys() == {"value"}
        assert found[attribute]["value"] in WORDS[attribute]


def test_a_publication_of_datex_2_has_what_its_definition_requires_and_nothing_else() -> None:
    audiences = [msgspec.structs.replace(SPACE, state=msgspec.structs.replace(STATE, audience=one)) for one in Audience]
    payload = publication(SPACE, *audiences, msgspec.structs.replace(SPACE, max_stay=None))
    require_definition("Payload", payload)
    light = payload["parkingPublicationLight"]
    require_definition("ParkingPublicationLight", light)
    require_definition("InternationalIdentifier", light["publicationCreator"])
    (site,) = light["parkingSite"]  # that without a position is left out
    require_definition("ParkingSite", site)
    assert len(site["assignedFor"]) == len(Audience)
    assert (site["numberOfSpaces"], site["availableSpaces"]) == (8, 3)
    assert len(light["parkingSpace"]) == len(Audience) + 2
    for space in light["parkingSpace"]:
        require_definition("ParkingSpace", space)
        require_definition("Reference", space["parkingSiteReference"])
        require_definition("LocationAndDimension", space["locationAndDimension"])
        require_definition("Coordinate", space["locationAndDimension"]["coordinatesForDisplay"])
        assert space["parkingSiteReference"]["_id"] == site["_id"]
        for assignment in space.get("assignedFor", ()):
            require_definition("Assignment", assignment)
    for assignment in site["assignedFor"]:
        require_definition("Assignment", assignment)
    Draft202012Validator(schema_of(datex2.Payload), format_checker=FormatChecker()).validate(payload)


def test_without_spaces_a_publication_is_whole_too() -> None:
    assert publication()["parkingPublicationLight"]["parkingSpace"] == []


def test_a_site_that_never_changed_has_no_last_update() -> None:
    never = msgspec.structs.replace(EMPTY, position=HERE)
    creator = datex2.Creator(country="DE", nationalIdentifier="DE-Example")
    whole = datex2.opening([never], creator=creator, language="en", now=NOON) + datex2.CLOSING
    (site,) = msgspec.json.decode(whole)["parkingPublicationLight"]["parkingSite"]
    assert "lastUpdate" not in site


# ParkAPI

CITY = {
    "type": "object",
    "required": ["last_downloaded", "last_updated", "lots"],
    "properties": {
        "lots": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["forecast", "id", "name", "state", "total"],
                "properties": {
                    "coords": {
                        "oneOf": [
                            {"type": "object", "properties": {"lat": {"type": "number"}, "lng": {"type": "number"}}},
                            {"type": "null"},
                        ]
                    },
                    "forecast": {"type": "boolean"},
                    "free": {"type": "integer", "minimum": 0},
                    "id": {"type": "string"},
                    "name": {"type": "string"},
                    "state": {"enum": ["open", "nodata", "closed", "unknown"]},
                    "total": {"type": "integer", "minimum": 0},
                },
            },
        }
    },
}
"""The published schema of ParkAPI, with the fields that we have."""


def test_a_site_is_a_lot_of_parkapi() -> None:
    silent = msgspec.structs.replace(SITE, counts=msgspec.structs.replace(SITE.counts, unreachable=10))
    city = in_json(msgspec.to_builtins(parkapi.city([SITE, silent, EMPTY], now=NOON + timedelta(minutes=5))))
    Draft202012Validator(CITY).validate(city)
    assert (city["last_updated"], city["last_downloaded"]) == ("2026-11-23T12:00:00", "2026-11-23T12:05:00")
    heard, unheard, empty = city["lots"]
    assert (heard["state"], heard["free"], heard["total"]) == ("open", 3, 10)
    assert heard["coords"] == {"lat": 51.05, "lng": 13.74}
    assert unheard["state"] == "nodata"
    assert "free" not in unheard
    assert (empty["state"], empty["coords"]) == ("nodata", None)
    assert parkapi.city([], now=NOON).last_updated == "2026-11-23T12:00:00"


def test_a_lot_is_open_while_any_sensor_or_counter_of_it_is_heard() -> None:
    """Of 10 places, 2 are spaces whose sensors are silent."""
    lots = parkapi.city([msgspec.structs.replace(SITE, counted=8, silent=silent) for silent in (8, 5)], now=NOON).lots
    assert [(one.state, one.free) for one in lots] == [("nodata", msgspec.UNSET), ("open", 3)]


# CDS

ARRIVAL = Passage(
    kind="arrival",
    at=NOON,
    arrived_at=NOON,
    space_id=3,
    zone_id=1,
    site="central",
    zone="level-1",
    space="A-012",
    position=HERE,
    dev_eui="a840410000000001",
)
DEPARTURE = msgspec.structs.replace(ARRIVAL, kind="departure", at=NOON + timedelta(hours=1))
REQUIRED_OF_EVENT = {
    "event_id", "event_type", "event_location", "event_time", "event_publication_time", "data_source_type",
    "data_source_device_id",
}  # fmt: skip


def events(*passages: Passage, operator: str = "City") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(cds.header() + cds.lines(passages, operator=operator))))


def test_a_stay_is_two_curb_events_of_one_session() -> None:
    without_device = msgspec.structs.replace(ARRIVAL, dev_eui=None)
    start, end, other = events(ARRIVAL, DEPARTURE, without_device)
    assert [one["event_type"] for one in (start, end)] == ["park_start", "park_end"]
    assert start["event_session_id"] == end["event_session_id"]
    assert start["event_id"] != end["event_id"]
    assert (start["event_time"], end["event_time"]) == ("1795435200000", "1795438800000")
    for one in (start, end, other):
        assert all(one[name] for name in REQUIRED_OF_EVENT)
        for name in one:
            if name.endswith("_id"):
                UUID(one[name])
        location = json.loads(one["event_location"])
        assert location["geometry"] == {"type": "Point", "coordinates": [13.74, 51.05]}
        assert location["properties"] == {"timestamp": int(one["event_time"])}


def test_an_event_has_the_same_ids_at_every_download_and_others_at_another_operator() -> None:
    renamed = msgspec.structs.replace(ARRIVAL, space="B-1")
    assert events(ARRIVAL) == events(renamed)
    assert events(ARRIVAL, operator="Other")[0]["event_id"] != events(ARRIVAL)[0]["event_id"]
