"""The topic and the JSON of every message."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from parking_gateway.contract.messages import (
    CountsMessage,
    DeviceMessage,
    SpaceMessage,
    TransitionMessage,
    kind_of,
    publication,
)
from parking_gateway.core.space import Contact, SpaceState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTS: dict[str, Any] = {
    "total": 2,
    "free": 1,
    "occupied": 1,
    "reserved": 0,
    "maintenance": 0,
    "unreachable": 0,
    "occupancy": 0.5,
}
SPACE = SpaceMessage(
    site="central",
    zone="level-1",
    space="A-012",
    state=SpaceState.OCCUPIED,
    since=NOON,
    previous=SpaceState.FREE,
    occupancy="occupied",
    contact=Contact.LIVE,
    reserved_until=None,
    reservation=None,
    maintenance_reason=None,
    battery_percent=93,
    version=42,
    cause="3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    updated=NOON,
)
STEP = TransitionMessage(
    id=7,
    site="central",
    zone="level-1",
    space="A-012",
    before=SpaceState.FREE,
    after=SpaceState.OCCUPIED,
    at=NOON,
    cause="3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
)
DEVICE = DeviceMessage(
    dev_eui="a840410000000001",
    name="bay 1",
    contact=Contact.LIVE,
    last_heard=NOON,
    battery_percent=None,
    battery_volts=3.6,
    rssi=-100,
    snr=5.5,
    codec="bosch_tps110",
    site=None,
    zone=None,
    space=None,
)


@pytest.mark.parametrize(
    ("message", "topic", "is_retained"),
    [
        (SPACE, "p/v1/spaces/central/level-1/A-012", True),
        (CountsMessage(site="central", zone="level-1", **COUNTS), "p/v1/zones/central/level-1", True),
        (CountsMessage(site="central", **COUNTS), "p/v1/sites/central", True),
        (STEP, "p/v1/transitions/central/level-1/A-012", False),
        (DEVICE, "p/v1/devices/a840410000000001", True),
    ],
)
def test_topics(message: SpaceMessage, topic: str, is_retained: bool) -> None:  # noqa: FBT001
    one = publication("p/v1", message)
    assert (one.topic, one.retain) == (topic, is_retained)
    assert msgspec.json.decode(one.payload, type=type(message)) == message


def test_the_kind_of_a_message_is_the_first_level_below_the_root() -> None:
    """Also where the root itself has such a word in it."""
    assert kind_of(publication("acme/spaces", DEVICE).topic, root="acme/spaces") == "devices"


def test_a_space_reads_as_the_contract_shows_it() -> None:
    payload = json.loads(publication("p/v1", SPACE).payload)
    assert payload["since"] == "2026-11-23T12:00:00Z"
    assert (payload["state"], payload["previous"], payload["contact"]) == ("OCCUPIED", "FREE", "live")


def test_a_step_is_from_one_state_to_another() -> None:
    payload = json.loads(publication("p/v1", STEP).payload)
    assert (payload["from"], payload["to"]) == ("FREE", "OCCUPIED")


def test_a_counted_site_names_no_zone() -> None:
    counted = CountsMessage(site="central", **COUNTS)
    assert "zone" not in json.loads(msgspec.json.encode(counted))
