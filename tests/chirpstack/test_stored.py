"""The topic of a stored event is that on which MQTT carried it, and its id is the time when it was stored."""

from datetime import UTC, datetime

import pytest

from parking_gateway.chirpstack.stored import stored_at, topic_of
from tests.events import dev_eui_of, up
from tests.events import topic_of as topic_on_mqtt

DEVICE = dev_eui_of(1)


@pytest.mark.parametrize("kind", ["up", "join"])
def test_a_stored_event_has_the_topic_of_mqtt(kind: str) -> None:
    assert topic_of(up(DEVICE), DEVICE, kind) == topic_on_mqtt(DEVICE, kind)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"deviceInfo": {"applicationId": 7}}', b"{}"])
def test_a_body_that_is_no_event_has_a_topic_too(body: bytes) -> None:
    assert topic_of(body, DEVICE, "up") == f"application/unknown/device/{DEVICE}/event/up"


def test_an_application_cannot_add_levels_to_the_topic() -> None:
    body = b'{"deviceInfo": {"applicationId": "a/../b"}}'
    assert topic_of(body, DEVICE, "up") == f"application/a_.._b/device/{DEVICE}/event/up"


def test_the_id_of_a_stored_event_has_milliseconds_of_redis() -> None:
    assert stored_at("1795745018117-3") == datetime(2026, 11, 27, 2, 3, 38, 117_000, tzinfo=UTC)


@pytest.mark.parametrize("item", ["", "-", "a-0", "9" * 30])
def test_another_id_has_no_time(item: str) -> None:
    assert stored_at(item) is None
