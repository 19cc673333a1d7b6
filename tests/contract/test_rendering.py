"""The publications of a row that is due."""

import json
from uuid import UUID

import msgspec

from parking_gateway.contract.rendering import rendered
from parking_gateway.core.audience import Audience
from parking_gateway.core.downlink import Status
from parking_gateway.core.due import DueCounts, DueDevice, DueStep
from parking_gateway.core.space import Contact, SpaceState
from tests.due import NOON, SPACE

ARRIVAL = DueStep(id=7, before=SpaceState.FREE, after=SpaceState.OCCUPIED, at=NOON, cause="3ac7e3c4")
DEVICE = DueDevice(
    key="a840410000000001",
    version=2,
    published_version=0,
    name="bay 1",
    contact=Contact.LIVE,
    heard_at=NOON,
    battery_percent=None,
    battery_volts=3.6,
    rssi=-100,
    snr=5.5,
    codec="bosch_tps110",
    distance_mm=None,
    temperature_celsius=None,
    counter=None,
    counter_in=None,
    counter_out=None,
    confidence=None,
    channels=None,
    fault=None,
    tamper=None,
    problems=[],
    uplinks_lost=0,
    downlink=None,
    site=None,
    zone=None,
    space=None,
)
ZONE = DueCounts(
    key=1,
    version=2,
    published_version=0,
    site="central",
    zone="level-1",
    total=4,
    free=3,
    occupied=1,
    reserved=0,
    maintenance=0,
    unreachable=2,
)


def test_the_steps_of_a_space_come_before_its_state() -> None:
    departure = msgspec.structs.replace(ARRIVAL, id=8, before=SpaceState.OCCUPIED, after=SpaceState.FREE)
    found = rendered("p/v1", [msgspec.structs.replace(SPACE, steps=(ARRIVAL, departure))])
    steps = "p/v1/transitions/central/level-1/A-012"
    assert [one.topic for one in found] == [steps, steps, "p/v1/spaces/central/level-1/A-012"]
    assert [one.retain for one in found] == [False, False, True]
    assert [json.loads(one.payload)["id"] for one in found[:2]] == [7, 8]
    assert json.loads(found[0].payload) == {
        "id": 7,
        "site": "central",
        "zone": "level-1",
        "space": "A-012",
        "from": "FREE",
        "to": "OCCUPIED",
        "at": "2026-11-23T12:00:00Z",
        "cause": "3ac7e3c4",
        "corrects": None,
        "withdrawn": False,
    }


def test_a_space_is_published_as_its_row_is() -> None:
    (one,) = rendered("p/v1", [SPACE])
    assert json.loads(one.payload) == {
        "site": "central",
        "zone": "level-1",
        "space": "A-012",
        "state": "OCCUPIED",
        "since": "2026-11-23T12:00:00Z",
        "previous": "FREE",
        "occupancy": "occupied",
        "contact": "live",
        "reserved_until": None,
        "reservation": None,
        "pending": False,
        "audience": None,
        "overstay": False,
        "maintenance_reason": None,
        "maintenance_until": None,
        "battery_percent": 93,
        "version": 42,
        "cause": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "updated": "2026-11-23T12:00:00Z",
    }


def test_a_device_shows_how_far_its_last_downlink_has_come() -> None:
    status = Status(
        id=UUID(int=1), purpose="show", state="shown", acknowledged=True, wished=NOON, by="indicator", detail=None
    )
    (one,) = rendered("p/v1", [msgspec.structs.replace(DEVICE, downlink=status)])
    assert json.loads(one.payload)["downlink"] == {
        "id": "00000000-0000-0000-0000-000000000001",
        "purpose": "show",
        "state": "shown",
        "acknowledged": True,
        "wished": "2026-11-23T12:00:00Z",
        "by": "indicator",
        "detail": None,
    }


def test_a_device_is_published_as_its_row_is() -> None:
    (one,) = rendered("p/v1", [DEVICE])
    assert one.topic == "p/v1/devices/a840410000000001"
    assert json.loads(one.payload) == {
        "dev_eui": "a840410000000001",
        "name": "bay 1",
        "contact": "live",
        "last_heard": "2026-11-23T12:00:00Z",
        "battery_percent": None,
        "battery_volts": 3.6,
        "rssi": -100,
        "snr": 5.5,
        "codec": "bosch_tps110",
        "distance_mm": None,
        "temperature_celsius": None,
        "counter": None,
        "counter_in": None,
        "counter_out": None,
        "confidence": None,
        "channels": None,
        "fault": None,
        "tamper": None,
        "problem": None,
        "problems": [],
        "uplinks_lost": 0,
        "downlink": None,
        "observe": None,
        "observed": None,
        "site": None,
        "zone": None,
        "space": None,
    }


def test_a_device_shows_the_measurements_of_its_single_sensors() -> None:
    channels = {"1": {"distance_mm": 790}, "2": {"fault": "no echo", "counter_in": 7}}
    (one,) = rendered("p/v1", [msgspec.structs.replace(DEVICE, channels=channels)])
    assert json.loads(one.payload)["channels"] == channels


def test_a_zone_is_published_with_its_occupancy_as_a_share() -> None:
    (one,) = rendered("p/v1", [ZONE])
    assert one.topic == "p/v1/zones/central/level-1"
    assert json.loads(one.payload) == {
        "site": "central",
        "zone": "level-1",
        "total": 4,
        "free": 3,
        "occupied": 1,
        "reserved": 0,
        "maintenance": 0,
        "unreachable": 2,
        "occupancy": 0.25,
        "capacity": 4,
        "audiences": {},
    }


def test_the_spaces_of_an_audience_are_counted_by_themselves() -> None:
    (one,) = rendered("p/v1", [msgspec.structs.replace(ZONE, audiences={Audience.EV: (3, 1)})])
    assert json.loads(one.payload)["audiences"] == {"ev": {"total": 3, "free": 1}}


def test_a_site_without_spaces_has_the_occupancy_0() -> None:
    (one,) = rendered("p/v1", [msgspec.structs.replace(ZONE, zone=None, total=0, free=0, occupied=0, unreachable=0)])
    assert one.topic == "p/v1/sites/central"
    assert json.loads(one.payload)["occupancy"] == 0.0
    assert "zone" not in json.loads(one.payload)
