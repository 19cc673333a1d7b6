"""The AsyncAPI document: its examples follow its schemas, and it describes what the code does."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from parking_gateway.contract.schemas import MESSAGES
from parking_gateway.requests.answering import asked_of
from parking_gateway.requests.verbs import verbs
from tests.topics import DOCUMENT, Published, channel_of, published
from tools.contract_examples import REQUESTS

MESSAGES_WITHOUT_EXAMPLE = {"probe", "trial", "eventLocation"}
"""Random bytes, and an event that needs a geolocation service, which the recorded ChirpStack did not have."""
BY_NAME: dict[str, Any] = DOCUMENT["components"]["messages"]
PLACE = "urn:document"
REGISTRY = Registry().with_resource(PLACE, Resource.from_contents(DOCUMENT, default_specification=DRAFT202012))


def examples() -> Iterator[tuple[str, object]]:
    for name, message in BY_NAME.items():
        for example in message.get("examples", ()):
            yield name, example["payload"]


def schema_of(name: str) -> Any:
    found = json.dumps(BY_NAME[name]["payload"]).replace('"#/', f'"{PLACE}#/')
    return json.loads(found)


@pytest.mark.parametrize(("name", "payload"), [*examples()])
def test_an_example_follows_its_schema(name: str, payload: object) -> None:
    checked = jsonschema.Draft202012Validator(
        schema_of(name), registry=REGISTRY, format_checker=jsonschema.FormatChecker()
    )
    checked.validate(payload)


def test_every_message_has_an_example() -> None:
    assert set(BY_NAME) - {name for name, _ in examples()} == MESSAGES_WITHOUT_EXAMPLE


def test_every_message_and_verb_has_a_channel() -> None:
    in_channels = {name for channel in DOCUMENT["channels"].values() for name in channel["messages"]}
    assert in_channels == set(BY_NAME)
    assert set(MESSAGES) <= in_channels
    topics = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert {f"parking/v1/request/{verb}" for verb in verbs()} <= topics


@pytest.mark.parametrize("verb", [*verbs()])
def test_the_example_of_a_request_is_one(verb: str) -> None:
    parameters = {name: value for name, value in REQUESTS[verb].items() if name not in ("by", "transaction")}
    assert isinstance(asked_of(verbs()[verb], parameters), msgspec.Struct)


LOG = """\
1795780262: New client connected from 127.0.0.1:41618 as parking-gateway-test (p5, c0, k60).
1795780262: Received PUBLISH from parking-gateway-test (d0, q1, r1, m3, 'parking/v1/spaces/central/level-1/A-012', ... (57 bytes))
1795780262: Received PUBLISH from auto-01604122 (d0, q1, r0, m1, 'application/a/device/b/event/up', ... (900 bytes))
1795780262: Sending PUBLISH to parking-gateway-test (d0, q1, r0, m1, 'application/a/device/b/event/up', ... (900 bytes))
"""


def test_messages_of_the_gateway_are_found_in_the_log_of_mosquitto() -> None:
    assert published(LOG) == {Published("parking/v1/spaces/central/level-1/A-012", 1, retain=True)}


@pytest.mark.parametrize(
    ("message", "channel"),
    [
        (Published("parking/v1/spaces/central/level-1/A-012", 1, retain=True), "space"),
        (Published("parking/v1/spaces/central/level-1/A-012", 1, retain=False), None),
        (Published("parking/v1/spaces/central/level-1/A-012", 0, retain=True), None),
        (Published("parking/v1/spaces/central/A-012", 1, retain=True), None),
        (Published("parking/v1/events/overstay", 1, retain=False), "notice"),
        (Published("parking/v1/events/flood", 1, retain=False), None),
        (Published("parking/v1/response/space/get", 1, retain=False), "response"),
        (Published("parking/v1/spaces/doctor/f795db6b", 1, retain=False), "trial"),
        (Published("parking/v2/sites/central", 1, retain=True), None),
    ],
)
def test_a_channel_is_found_by_topic_and_flags(message: Published, channel: str | None) -> None:
    assert channel_of(message) == channel
