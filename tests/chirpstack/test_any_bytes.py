"""Any bytes: `parse` never raises, and its result can be stored."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.core.events import DeviceEvent, Rejection, UnknownEvent, Uplink

Read = Callable[[str, bytes], Any]

topics = st.sampled_from(sorted(EVENTS)) | st.text()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)


def assert_storable(outcome: Any) -> None:
    """Check that the outcome is one of the four types, within its limits, and that PostgreSQL accepts it."""
    assert isinstance(outcome, Uplink | DeviceEvent | UnknownEvent | Rejection)
    if isinstance(outcome, Rejection):
        assert_text(outcome.detail)
    if isinstance(outcome, Uplink | DeviceEvent):
        assert outcome.time.tzinfo is UTC
        device = outcome.device
        assert len(device.dev_eui) == 16
        assert int(device.dev_eui, 16) >= 0
        assert device.dev_eui == device.dev_eui.lower()
        for text in (device.name, device.profile, device.application, *device.tags, *device.tags.values()):
            assert_text(text)
    if isinstance(outcome, Uplink):
        assert 0 <= outcome.f_port <= 255
        assert 0 <= outcome.f_cnt < 2**32
        assert outcome.rssi is None or abs(outcome.rssi) < 2**15
        assert outcome.dr is None or 0 <= outcome.dr < 16
        assert_json([outcome.object, outcome.snr])
    if isinstance(outcome, DeviceEvent):
        for field in (outcome.level, outcome.code, outcome.description):
            assert_text(field or "")
        assert outcome.margin_db is None or -32 <= outcome.margin_db <= 31
        assert outcome.battery_percent is None or 0 <= outcome.battery_percent <= 100
        assert_json(outcome.details)


def assert_text(text: str) -> None:
    assert "\0" not in text
    text.encode()  # raises for a lone surrogate


def assert_json(value: Any) -> None:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text.replace("\\\\", "")


@given(topic=topics, payload=st.binary())
@example(topic="up", payload=b"")
@example(topic="\ud800", payload=b"{}")
def test_any_bytes(read: Read, topic: str, payload: bytes) -> None:
    assert_storable(read(topic, payload))


@given(topic=topics, text=st.text())
def test_any_text_that_begins_like_json(read: Read, topic: str, text: str) -> None:
    assert_storable(read(topic, b"{" + text.encode(errors="surrogatepass")))


@given(data=st.data(), junk=st.binary(max_size=6))
def test_recorded_bytes_cut_and_mixed(
    read: Read, json_recording: list[Any], protobuf_recording: list[Any], data: st.DataObject, junk: bytes
) -> None:
    """Some bytes are replaced or dropped, and the topic may name another event."""
    _, topic, payload = data.draw(st.sampled_from(json_recording + protobuf_recording))
    start = data.draw(st.integers(0, len(payload)))
    stop = data.draw(st.integers(start, min(start + 8, len(payload))) | st.just(len(payload)))
    topic = data.draw(st.just(topic) | topics)
    assert_storable(read(topic, payload[:start] + junk + payload[stop:]))


@given(data=st.data(), value=json_values)
def test_recorded_json_with_any_value_in_any_place(
    read: Read, json_recording: list[Any], data: st.DataObject, value: Any
) -> None:
    _, topic, payload = data.draw(st.sampled_from(json_recording))
    event = json.loads(payload)
    part = event
    while True:
        key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = value
    assert_storable(read(topic, json.dumps(event).encode()))


@given(value=st.dictionaries(st.text(), json_values))
def test_any_object_of_a_codec(read: Read, value: dict[str, Any]) -> None:
    event = {
        "deduplicationId": "bf43847b-020c-440c-aa89-0fd326528ef9",
        "time": datetime(2026, 11, 23, tzinfo=UTC).isoformat(),
        "deviceInfo": {"devEui": "24e124dd54ace875"},
        "object": value,
    }
    assert_storable(read("up", json.dumps(event).encode()))
