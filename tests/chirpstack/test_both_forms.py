"""JSON and protobuf of one event are one value.

The other form of an event is made with protobuf's own JSON mapping, which ChirpStack uses.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chirpstack_api import common, integration
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.events import DeviceEvent, Reason, Rejection, Uplink

Read = Callable[[str, bytes], Any]

MESSAGES = {
    "up": integration.UplinkEvent,
    "join": integration.JoinEvent,
    "ack": integration.AckEvent,
    "txack": integration.TxAckEvent,
    "log": integration.LogEvent,
    "status": integration.StatusEvent,
    "location": integration.LocationEvent,
}
UUID = "bf43847b-020c-440c-aa89-0fd326528ef9"
DEVICE = {"devEui": "24e124dd54ace875"}


def as_json(message: Message, *, defaults: bool = False) -> bytes:
    """Convert to JSON: with `defaults` as ChirpStack since 4.1, without them as ChirpStack 4.0."""
    return json_format.MessageToJson(message, always_print_fields_with_no_presence=defaults).encode()


def event_of(topic: str) -> str:
    return topic.rpartition("/")[2]


def test_recorded_json_as_protobuf(read: Read, json_recording: list[Any]) -> None:
    for _, topic, payload in json_recording:
        if (event := event_of(topic)) in MESSAGES:
            message = json_format.Parse(payload, MESSAGES[event]())
            assert read(topic, message.SerializeToString()) == read(topic, payload)


@pytest.mark.parametrize("defaults", [False, True])
def test_recorded_protobuf_as_json(read: Read, protobuf_recording: list[Any], *, defaults: bool) -> None:
    for _, topic, payload in protobuf_recording:
        if (event := event_of(topic)) in MESSAGES:
            message = MESSAGES[event].FromString(payload)
            assert read(topic, as_json(message, defaults=defaults)) == read(topic, payload)


def test_the_two_recordings_agree_in_every_scene(
    read: Read, json_recording: list[Any], protobuf_recording: list[Any]
) -> None:
    """The runs differ in ids, times, the vendors' frames and the order of simultaneous messages, so these are left out."""

    def essences(recording: list[Any]) -> list[str]:
        outcomes = [(m.scene, read(m.topic, m.payload)) for m in recording if m.scene != "vendor frames"]
        return sorted(f"{scene}: {essence(outcome)}" for scene, outcome in outcomes)

    assert essences(json_recording) == essences(protobuf_recording)


def essence(outcome: Any) -> tuple[Any, ...]:
    match outcome:
        case Uplink() as up:
            signal = (up.rssi, up.snr, up.gateway_count)
            codec = sorted((up.object or {}).items())
            return (up.device.name, up.f_cnt, up.f_port, up.data, up.dr, up.confirmed, *signal, codec)
        case DeviceEvent() as event:
            status = (event.battery_percent, event.external_power, event.margin_db)
            return (event.kind, event.device.name, event.level, event.code, event.description, *status)
        case _:
            return (outcome,)


texts = st.text(max_size=12)
keys = st.text(max_size=8).map(lambda text: text.replace("\0", "_"))  # without the NUL, two keys could become one
float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)
unsigned32s = st.integers(0, 2**32 - 1)
moments = st.builds(
    lambda seconds, nanos: {"seconds": seconds, "nanos": nanos},
    st.integers(-62_135_596_800, 253_402_300_799),
    st.integers(0, 999_999_999),
)
euis = st.text("0123456789abcdefABCDEF", min_size=16, max_size=16)
devices = st.fixed_dictionaries(
    {"dev_eui": euis},
    optional={
        "device_name": texts,
        "device_profile_name": texts,
        "application_name": texts,
        "tags": st.dictionaries(keys, texts, max_size=3),
    },
)
uuids = st.one_of(st.uuids().map(str), st.just(""))
numbers = st.floats(-1e15, 1e15)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
receptions = st.fixed_dictionaries(
    {},
    optional={
        "gateway_id": euis,
        "rssi": st.integers(-(2**31), 2**31 - 1),
        "snr": float32s,
    },
)
every = {"time": moments, "device_info": devices}
events = st.one_of(
    st.fixed_dictionaries(
        every | {"deduplication_id": st.uuids().map(str)},
        optional={
            "f_cnt": unsigned32s,
            "f_port": st.integers(0, 300),
            "dr": unsigned32s,
            "confirmed": st.booleans(),
            "data": st.binary(max_size=20),
            "object": st.dictionaries(keys, values, max_size=4),
            "rx_info": st.lists(receptions, max_size=3),
        },
    ).map(lambda fields: integration.UplinkEvent(**fields)),
    st.fixed_dictionaries(every, optional={"deduplication_id": uuids, "dev_addr": texts}).map(
        lambda fields: integration.JoinEvent(**fields)
    ),
    st.fixed_dictionaries(
        every,
        optional={
            "deduplication_id": uuids,
            "queue_item_id": texts,
            "acknowledged": st.booleans(),
            "f_cnt_down": unsigned32s,
        },
    ).map(lambda fields: integration.AckEvent(**fields)),
    st.fixed_dictionaries(
        every,
        optional={"queue_item_id": texts, "gateway_id": texts, "f_cnt_down": unsigned32s, "downlink_id": unsigned32s},
    ).map(lambda fields: integration.TxAckEvent(**fields)),
    st.fixed_dictionaries(
        every,
        optional={
            "level": st.integers(0, 2),
            "code": st.integers(0, 11),
            "description": texts,
            "context": st.dictionaries(keys | st.just("deduplication_id"), uuids | texts, max_size=3),
        },
    ).map(lambda fields: integration.LogEvent(**fields)),
    st.fixed_dictionaries(
        every,
        optional={
            "deduplication_id": uuids,
            "margin": st.integers(-(2**31), 2**31 - 1),
            "external_power_source": st.booleans(),
            "battery_level_unavailable": st.booleans(),
            "battery_level": st.floats(0, 100, width=32) | float32s,
        },
    ).map(lambda fields: integration.StatusEvent(**fields)),
    st.fixed_dictionaries(
        every
        | {
            "location": st.builds(
                common.Location,
                latitude=numbers,
                longitude=numbers,
                altitude=numbers,
                source=st.integers(0, 6),
                accuracy=float32s,
            )
        },
        optional={"deduplication_id": uuids},
    ).map(lambda fields: integration.LocationEvent(**fields)),
)
NAMES = {message: name for name, message in MESSAGES.items()}


@given(message=events, defaults=st.booleans())
def test_any_event_means_the_same_in_both_forms(read: Read, message: Message, *, defaults: bool) -> None:
    """NULs in texts, floats of 32 bits, any time of the years 1 to 9999 and impossible ports included."""
    name = NAMES[type(message)]
    from_protobuf = read(name, message.SerializeToString())
    from_json = read(name, as_json(message, defaults=defaults))
    if isinstance(from_protobuf, Rejection) and isinstance(from_json, Rejection):
        assert from_protobuf.reason is from_json.reason is Reason.INVALID
    else:
        assert from_protobuf == from_json


@given(nanos=st.integers(0, 999_999_999))
def test_time_is_rounded_half_up_in_both_forms(read: Read, nanos: int) -> None:
    """A redelivery has the same time in either form."""
    fields = {"deviceInfo": DEVICE, "time": f"2026-11-23T17:23:33.{nanos:09}Z"}
    message = json_format.ParseDict(fields, integration.JoinEvent())
    from_json, from_protobuf = read("join", as_json(message)), read("join", message.SerializeToString())
    assert from_json.time == from_protobuf.time
    second = datetime(2026, 11, 23, 17, 23, 33, tzinfo=UTC)
    assert from_json.time == second + timedelta(microseconds=(nanos + 500) // 1000)


@pytest.mark.parametrize("field", ["time", "deviceInfo"])
def test_a_missing_part_is_named_in_both_forms(read: Read, field: str) -> None:
    fields = {"deviceInfo": DEVICE, "time": "2026-11-23T17:23:33Z"}
    del fields[field]
    message = json_format.ParseDict(fields, integration.JoinEvent())
    detail = f"The `join` event is not valid: Object missing required field `{field}`."
    expected = Rejection(reason=Reason.INVALID, detail=detail)
    assert read("join", as_json(message)) == read("join", message.SerializeToString()) == expected


def test_a_location_without_position_is_refused_in_both_forms(read: Read) -> None:
    message = json_format.ParseDict({"deviceInfo": DEVICE, "time": "2026-11-23T17:23:33Z"}, integration.LocationEvent())
    from_json, from_protobuf = read("location", as_json(message)), read("location", message.SerializeToString())
    assert from_json == from_protobuf
    assert from_json.reason is Reason.INVALID


def test_numbers_that_json_lacks_are_none_in_both_forms(read: Read) -> None:
    """ChirpStack's JSON has null for them, in `object` and in `rxInfo`."""
    message = integration.UplinkEvent(
        deduplication_id=UUID, device_info={"dev_eui": DEVICE["devEui"]}, time={"seconds": 1}
    )
    message.object.update({"nan": float("nan"), "list": [float("inf"), 1.0], "empty": None})
    message.rx_info.add(snr=float("nan"), rssi=-70)
    uplink = read("up", message.SerializeToString())
    assert uplink.object == {"nan": None, "list": [None, 1.0], "empty": None}
    assert (uplink.rssi, uplink.snr) == (-70, None)
    payload = (
        b'{"deduplicationId":"%s","time":"1970-01-01T00:00:01Z","deviceInfo":{"devEui":"%s"},'
        b'"object":{"nan":null,"list":[null,1.0],"empty":null},"rxInfo":[{"snr":null,"rssi":-70}]}'
    )
    assert read("up", payload % (UUID.encode(), DEVICE["devEui"].encode())) == uplink


def test_a_very_long_name_is_cut_in_both_forms(read: Read) -> None:
    """A name is part of tables, log lines and retained messages."""
    message = integration.UplinkEvent(deduplication_id=UUID)
    message.time.FromDatetime(datetime(2026, 11, 23, 12, tzinfo=UTC))
    message.device_info.dev_eui = DEVICE["devEui"]
    message.device_info.device_name = "bay " + "x" * 60_000
    from_json, from_protobuf = read("up", as_json(message)), read("up", message.SerializeToString())
    assert from_json == from_protobuf
    assert from_json.device.name.startswith("bay xxx")
    assert len(from_json.device.name) < 250


def test_an_unknown_enum_value_is_shown_as_its_number(read: Read) -> None:
    message = json_format.ParseDict({"deviceInfo": DEVICE, "time": "2026-11-23T17:23:33Z"}, integration.LogEvent())
    payload = message.SerializeToString() + b"\x20\xe3\x00"  # field 4, `code`, is 99
    log = read("log", payload)
    assert (log.level, log.code) == ("INFO", "99")


@pytest.mark.parametrize(("lists", "is_kept"), [(4_000, True), (5_000, False)])
def test_an_object_of_very_many_lists_is_dropped_in_both_forms(read: Read, lists: int, *, is_kept: bool) -> None:
    up = integration.UplinkEvent(deduplication_id=UUID, f_cnt=7)
    up.device_info.dev_eui = DEVICE["devEui"]
    up.time.FromJsonString("2026-11-23T17:23:33Z")
    up.object.update({"x": [[] for _ in range(lists)]})
    for payload in (as_json(up), up.SerializeToString()):
        uplink = read("application/a/device/d/event/up", payload)
        assert isinstance(uplink, Uplink)
        assert uplink.f_cnt == 7
        assert (uplink.object is not None) is is_kept
