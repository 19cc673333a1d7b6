"""The topic of a stored event is that on which MQTT carried it."""

import pytest

from parking_gateway.chirpstack.stored import topic_of
from tests.events import dev_eui_of, up
from tests.events import topic_of as topic_on_mqtt

DEVICE = dev_eui_of(1)


def test_a_stored_uplink_has_the_topic_of_mqtt() -> None:
    assert topic_of(up(DEVICE), DEVICE) == topic_on_mqtt(DEVICE)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"deviceInfo": {"applicationId": 7}}', b"{}"])
def test_a_body_that_is_no_event_has_a_topic_too(body: bytes) -> None:
    assert topic_of(body, DEVICE) == f"application/unknown/device/{DEVICE}/event/up"


def test_an_application_cannot_add_levels_to_the_topic() -> None:
    body = b'{"deviceInfo": {"applicationId": "a/../b"}}'
    assert topic_of(body, DEVICE) == f"application/a_.._b/device/{DEVICE}/event/up"
