"""The announcements are those of the golden files, which `make check-home-assistant` holds against Home Assistant itself."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway import __version__
from parking_gateway.broker.routes import matches
from parking_gateway.contract.home_assistant import (
    Place,
    cleared,
    discovery,
    filter_of,
    identifier,
    names_of,
    topic_of,
)
from parking_gateway.core.announcement import AnnouncedSpace, Announcement

GOLDEN = Path(__file__).parent / "home_assistant"
PLACE = Place(root="parking/v1", prefix="homeassistant", gateway="gateway-1")
SEVERAL = Place(root="parking/v1", prefix="homeassistant", gateway=None)
WATCHED = AnnouncedSpace("A-012", "a84041000181c061")
BARE = AnnouncedSpace("A-013", None)


def space(one: AnnouncedSpace) -> Announcement:
    return Announcement(site="central", zone="level-1", space=one.space, spaces=(one,), digest="")


ZONE = Announcement(site="central", zone="level-1", space=None, spaces=(WATCHED, BARE), digest="")


@pytest.mark.parametrize(
    ("name", "announced", "place"),
    [
        ("space", space(WATCHED), PLACE),
        ("space_without_device", space(BARE), PLACE),
        ("space_of_several_gateways", space(WATCHED), SEVERAL),
        ("zone", ZONE, PLACE),
    ],
)
def test_an_announcement_is_its_golden_file(name: str, announced: Announcement, place: Place) -> None:
    golden = (GOLDEN / f"{name}.json").read_text(encoding="utf-8").replace("VERSION", __version__)
    made = discovery(announced, place)
    assert json.loads(made.payload) == json.loads(golden)
    assert (made.topic, made.retain) == (topic_of(announced, place), True)
    assert matches(filter_of(place), made.topic)


def test_a_cleared_topic_is_empty_and_retained() -> None:
    assert (cleared("t").payload, cleared("t").retain) == (b"", True)


def test_a_device_has_the_same_identifier_in_both_forms() -> None:
    """So Home Assistant keeps its entities when the form is changed."""
    one = json.loads(discovery(space(WATCHED), PLACE).payload)
    child = json.loads(discovery(ZONE, PLACE).payload)["child_devices"][0]
    assert child["identifiers"] == one["device"]["identifiers"]
    assert {entity["unique_id"] for entity in child["components"].values()} == {
        entity["unique_id"] for entity in one["components"].values()
    }


def test_an_announcement_names_its_space_or_zone() -> None:
    one, zone = discovery(space(WATCHED), PLACE), discovery(ZONE, PLACE)
    assert names_of(one.topic, one.payload, PLACE) == ("central", "level-1", "A-012")
    assert names_of(zone.topic, zone.payload, PLACE) == ("central", "level-1")


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("homeassistant/device/zigbee_1/config", None),
        (None, b"a text"),
        (None, b"\xff"),
        (None, b""),
        (None, b'{"components": {"state": {"platform": "sensor"}}}'),
        (None, b'{"components": {"state": {"state_topic": "zigbee2mqtt/lamp"}}}'),
    ],
)
def test_an_announcement_of_another_program_names_nothing(topic: str | None, payload: bytes | None) -> None:
    ours = discovery(space(WATCHED), PLACE)
    assert names_of(topic or ours.topic, ours.payload if payload is None else payload, PLACE) is None


def test_an_announcement_of_another_root_names_nothing() -> None:
    theirs = discovery(space(WATCHED), Place(root="parking/v1/b", prefix="homeassistant", gateway=None))
    assert names_of(theirs.topic, theirs.payload, PLACE) is None


def test_a_name_that_no_register_has_is_none() -> None:
    """PostgreSQL refuses the character 0, and each attempt would fail in the same way."""
    names = ("central", "level-1", "A\0")
    topic = f"homeassistant/device/{identifier(PLACE.root, *names)}/config"
    reading = {"state_topic": f"{PLACE.root}/spaces/{'/'.join(names)}"}
    assert names_of(topic, json.dumps({"components": {"state": reading}}).encode(), PLACE) is None


NAMES = st.lists(st.from_regex(r"[a-zA-Z0-9_-]{1,5}", fullmatch=True), min_size=1, max_size=3).map(tuple)


@given(one=NAMES, other=NAMES)
def test_an_identifier_is_one_of_home_assistant_and_belongs_to_one_place(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", identifier("parking/v1", *one))
    assert (identifier("r", *one) == identifier("r", *other)) is (one == other)
    assert identifier("r", *one) != identifier("s", *one)
