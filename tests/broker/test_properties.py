"""Properties of MQTT 5 are read and written as paho does it, and never cost a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes

from parking_gateway.broker.properties import for_paho, of_paho, packed, read
from parking_gateway.contract.publication import NO_PROPERTIES, MessageProperties

REPLY = MessageProperties(
    response_topic="parking/v1/response/space",
    correlation_data=b"\0\1",
    content_type="application/json",
    expiry_seconds=60,
    user=(("a", "1"), ("a", "2")),
)


@pytest.mark.parametrize("properties", [NO_PROPERTIES, REPLY, MessageProperties(user=(("", ""),))])
@pytest.mark.parametrize("packet_type", [PacketTypes.PUBLISH, PacketTypes.WILLMESSAGE])
def test_paho_takes_and_gives_back_all_that_we_keep(properties: MessageProperties, packet_type: int) -> None:
    assert of_paho(for_paho(properties, packet_type)) == properties
    assert read(packed(properties)) == properties


def test_messages_without_properties_share_one_value() -> None:
    assert of_paho(None) is NO_PROPERTIES
    assert of_paho(for_paho(NO_PROPERTIES, PacketTypes.PUBLISH)) is NO_PROPERTIES


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\x7f", id="a property that MQTT does not know"),
        pytest.param(b"\x08\x00\x09to", id="a text longer than the properties"),
        pytest.param(b"\x09\x00", id="half a length"),
        pytest.param(b"\x26\x00\x01n", id="a name without a value"),
        pytest.param(b"\x02\x00\x00", id="half a number"),
        pytest.param(b"\x0b\xff", id="a number without an end"),
    ],
)
def test_properties_before_a_broken_one_are_kept(broken: bytes) -> None:
    """The message behind them is whole. If it were refused, the broker would send it again for ever."""
    assert read(packed(REPLY) + broken) == REPLY


@given(st.binary(max_size=100))
def test_any_bytes_are_read(data: bytes) -> None:
    assert isinstance(read(data), MessageProperties)


def test_a_text_that_is_no_utf_8_is_kept_as_far_as_it_can_be_read() -> None:
    assert read(b"\x03\x00\x02\xc3\x28").content_type == "\ufffd("
