"""The values of each JSON field: which are kept, which are dropped, and which refuse the event."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from parking_gateway.chirpstack import Limits, parse, too_large
from parking_gateway.core.events import DeviceEvent, EventKind, Reason, Rejection, UnknownEvent, Uplink

Read = Callable[[str, bytes], Any]

UUID = "bf43847b-020c-440c-aa89-0fd326528ef9"


def event(**fields: Any) -> bytes:
    """Return the JSON of an event with these fields. A field of `...` is left out."""
    usual = {
        "deduplicationId": UUID,
        "time": "2026-11-23T17:23:33.450547680+00:00",
        "deviceInfo": {"devEui": "24e124dd54ace875"},
    }
    return json.dumps({name: value for name, value in (usual | fields).items() if value is not ...}).encode()


def test_chirpstack_4_0_leaves_out_zeros(read: Read) -> None:
    uplink = read("application/a/device/d/event/up", event(rxInfo=[{"gatewayId": "0016c001f153a14c"}]))
    assert isinstance(uplink, Uplink)
    assert (uplink.f_cnt, uplink.f_port, uplink.data, uplink.dr, uplink.confirmed) == (0, 0, b"", 0, False)
    assert (uplink.rssi, uplink.snr, uplink.gateway_count, uplink.object) == (0, 0.0, 1, None)
    assert (uplink.device.name, uplink.device.tags) == ("", {})


def test_chirpstack_4_0_leaves_out_zeros_in_other_events_too(read: Read) -> None:
    assert read("log", event(deduplicationId=...)).level == "INFO"
    assert read("log", event(deduplicationId=...)).code == "UNKNOWN"
    assert read("ack", event(queueItemId="q")).details == {"queue_item_id": "q", "acknowledged": False, "f_cnt_down": 0}
    assert (read("status", event()).margin_db, read("status", event()).battery_percent) == (0, 0.0)
    position = {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0, "source": "UNKNOWN", "accuracy": 0.0}
    assert read("location", event(location={})).details == position


def test_a_location_in_full(read: Read) -> None:
    location = {"latitude": 52.37, "longitude": 4.9, "altitude": 11.5, "source": "GEO_RESOLVER_TDOA", "accuracy": 30.0}
    found = read("location", event(location=location))
    assert isinstance(found, DeviceEvent)
    assert (found.kind, str(found.deduplication_id), found.details) == (EventKind.LOCATION, UUID, location)


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("application/a/device/d/command/down", "down"),
        ("application/a/device/d/event/integration", "integration"),
        ("application/a/device/d/event/error", "error"),
        ("application/a/device/d/event/UP", "UP"),
        ("application/a/device/d/event/", ""),
        ("", ""),
    ],
)
def test_unknown_events_are_named_and_not_read(read: Read, topic: str, name: str) -> None:
    assert read(topic, b"\xff not read") == UnknownEvent(name=name)


@pytest.mark.parametrize("topic", ["up", "/up", "plant/7/sensors/up"])
def test_the_last_level_of_any_topic_names_the_event(read: Read, topic: str) -> None:
    assert isinstance(read(topic, event()), Uplink)


def test_json_may_begin_with_white_space(read: Read) -> None:
    assert read("up", b"\r\n\t " + event()) == read("up", event())


def test_the_device_eui_is_lower_case(read: Read) -> None:
    assert read("up", event(deviceInfo={"devEui": "24E124DD54ACE875"})).device.dev_eui == "24e124dd54ace875"


@pytest.mark.parametrize(
    ("received", "rssi", "snr"),
    [
        ([], None, None),
        ([(-70, 7.5)], -70, 7.5),
        ([(-60, -12.0), (-110, 3.0), (-80, 1.0)], -110, 3.0),
        ([(-90, 3.0), (-80, 3.0), (-100, 3.0)], -80, 3.0),
        ([(-60, None), (-110, -20.0)], -110, -20.0),
        ([(-60, None)], -60, None),
        ([(2_147_483_647, 3.0)], None, 3.0),
        ([(-2_147_483_648, 3.0)], None, 3.0),
    ],
)
def test_the_signal_is_that_of_the_best_snr_and_then_rssi(
    read: Read, received: list[tuple[int, float | None]], rssi: int | None, snr: float | None
) -> None:
    """An impossible RSSI is dropped, and the uplink is kept."""
    receptions = [{"gatewayId": str(number), "rssi": rssi, "snr": snr} for number, (rssi, snr) in enumerate(received)]
    uplink = read("up", event(rxInfo=receptions))
    assert (uplink.rssi, uplink.snr, uplink.gateway_count) == (rssi, snr, len(received))


def test_a_gateway_with_two_receptions_counts_once(read: Read) -> None:
    receptions = [{"gatewayId": "a", "snr": 1.0}, {"gatewayId": "a", "snr": 2.0}, {"gatewayId": "b"}]
    uplink = read("up", event(rxInfo=receptions))
    assert (uplink.gateway_count, uplink.snr) == (2, 2.0)


@pytest.mark.parametrize(("dr", "kept"), [(0, 0), (15, 15), (16, None), (-1, None), (4_294_967_295, None)])
def test_a_data_rate_that_does_not_exist_is_dropped(read: Read, dr: int, kept: int | None) -> None:
    assert read("up", event(dr=dr)).dr == kept


@pytest.mark.parametrize(("f_port", "f_cnt"), [(0, 0), (255, 4_294_967_295)])
def test_ports_and_counters_at_their_ends(read: Read, f_port: int, f_cnt: int) -> None:
    uplink = read("up", event(fPort=f_port, fCnt=f_cnt))
    assert (uplink.f_port, uplink.f_cnt) == (f_port, f_cnt)


@pytest.mark.parametrize(("margin", "kept"), [(-32, -32), (31, 31), (-33, None), (32, None)])
def test_a_margin_that_no_device_can_send_is_dropped(read: Read, margin: int, kept: int | None) -> None:
    assert read("status", event(margin=margin)).margin_db == kept


@pytest.mark.parametrize(("level", "kept"), [(0.0, 0.0), (100, 100.0), (100.1, None), (-0.1, None), (None, None)])
def test_a_battery_level_that_is_no_percentage_is_dropped(read: Read, level: float | None, kept: float | None) -> None:
    assert read("status", event(batteryLevel=level)).battery_percent == kept


@pytest.mark.parametrize("flag", ["externalPowerSource", "batteryLevelUnavailable"])
def test_beside_either_flag_there_is_no_battery_level(read: Read, flag: str) -> None:
    status = read("status", event(batteryLevel=50.0, **{flag: True}))
    assert (status.battery_percent, status.external_power) == (None, flag == "externalPowerSource")


@pytest.mark.parametrize("name", ["ack", "join", "status"])
@pytest.mark.parametrize("text", ["", "not a UUID", ...])
def test_events_other_than_uplinks_do_without_a_deduplication_id(read: Read, name: str, text: Any) -> None:
    assert read(name, event(deduplicationId=text)).deduplication_id is None


@pytest.mark.parametrize("context", [{}, {"deduplication_id": "?"}, {"deduplication_id": ""}])
def test_a_log_does_without_an_uplink(read: Read, context: dict[str, str]) -> None:
    log = read("log", event(deduplicationId=..., context=context, level="ERROR", code="OTAA", description="d"))
    assert (log.deduplication_id, log.details) == (None, {"context": context})
    assert (log.level, log.code, log.description) == ("ERROR", "OTAA", "d")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T17:23:33Z", datetime(2026, 11, 23, 17, 23, 33, tzinfo=UTC)),
        ("2026-11-23T17:23:33.5+00:00", datetime(2026, 11, 23, 17, 23, 33, 500_000, tzinfo=UTC)),
        ("2026-11-23T17:23:33.999999999Z", datetime(2026, 11, 23, 17, 23, 34, tzinfo=UTC)),
        ("2026-11-23T00:30:00+02:00", datetime(2026, 11, 22, 22, 30, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_time_is_utc_in_microseconds(read: Read, text: str, time: datetime) -> None:
    found = read("up", event(time=text)).time
    assert found == time
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T17:23:33",
        "2026-11-23T17:23:60Z",
        "2026-02-29T17:23:33Z",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "0000-01-01T00:00:00Z",
        "yesterday",
        "",
        None,
        1_795_454_613,
        ...,
    ],
)
@pytest.mark.parametrize("name", ["up", "join"])
def test_an_event_without_a_valid_time_is_invalid(read: Read, name: str, text: Any) -> None:
    rejection = read(name, event(time=text))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.INVALID
    assert "time" in rejection.detail


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"deduplicationId": ...}, "missing required field `deduplicationId`"),
        ({"deduplicationId": ""}, "`$.deduplicationId`"),
        ({"deduplicationId": "bf43847b"}, "`$.deduplicationId`"),
        ({"deviceInfo": ...}, "missing required field `deviceInfo`"),
        ({"deviceInfo": {}}, "missing required field `devEui` - at `$.deviceInfo`"),
        ({"deviceInfo": {"devEui": "24e124dd54ace87"}}, "`$.deviceInfo.devEui`"),
        ({"deviceInfo": {"devEui": "24e124dd54ace875\n"}}, "`$.deviceInfo.devEui`"),
        ({"deviceInfo": {"devEui": "24e124dd54ace87g"}}, "`$.deviceInfo.devEui`"),
        ({"fPort": 256}, "`$.fPort`"),
        ({"fPort": -1}, "`$.fPort`"),
        ({"fCnt": 4_294_967_296}, "`$.fCnt`"),
        ({"fCnt": 10**40}, "`$.fCnt`"),
        ({"fCnt": "1"}, "`$.fCnt`"),
        ({"data": "AQ"}, "`$.data`"),
        ({"data": "A-_="}, "`$.data`"),
        ({"data": "A Q="}, "`$.data`"),
        ({"fPort": None}, "`$.fPort`"),
        ({"fCnt": 1.0}, "`$.fCnt`"),
        ({"data": None}, "`$.data`"),
        ({"deviceInfo": None}, "`$.deviceInfo`"),
    ],
)
def test_an_impossible_value_is_invalid_and_named(read: Read, fields: dict[str, Any], where: str) -> None:
    rejection = read("up", event(**fields))
    assert rejection.reason is Reason.INVALID
    assert rejection.detail.startswith("The `up` event is not valid: ")
    assert where in rejection.detail


def kept_uplink(read: Read, payload: bytes) -> Uplink:
    """Read an uplink, and check that its essential fields are unchanged."""
    found = read("up", payload)
    assert isinstance(found, Uplink), found
    assert (str(found.deduplication_id), found.device.dev_eui) == (UUID, "24e124dd54ace875")
    assert (found.f_port, found.f_cnt, found.data) == (0, 0, b"")
    return found


NUMBERS = {
    "NaN": None,
    "Infinity": None,
    "-Infinity": None,
    "1e309": None,
    "-1e400": None,
    "1" * 5_000: None,
    "-" + "1" * 400: -int("1" * 400),
    "1e308": 1e308,
    "12345678901234567890123": 12345678901234567890123,
}


@pytest.mark.parametrize(("text", "kept"), NUMBERS.items(), ids=range(len(NUMBERS)))
def test_a_number_that_no_float_holds_becomes_null_in_an_object(read: Read, text: str, kept: float | None) -> None:
    """At any place of the object. Its other values and the uplink are kept."""
    payload = event(object={"value": "HERE", "list": [1, "HERE"], "text": "occupied"})
    found = kept_uplink(read, payload.replace(b'"HERE"', text.encode()))
    assert found.object == {"value": kept, "list": [1, kept], "text": "occupied"}


@pytest.mark.parametrize("number", [1e308, -1e308, 1e39, 200.5, 1e-300, -5e-324, None, "7", True, [7], {}])
def test_a_signal_that_no_receiver_has_is_dropped(read: Read, number: Any) -> None:
    """The SNR of another gateway is used if there is one."""
    assert kept_uplink(read, event(rxInfo=[{"gatewayId": "a", "rssi": -70, "snr": number}])).snr is None
    found = kept_uplink(
        read, event(rxInfo=[{"gatewayId": "a", "snr": number}, {"gatewayId": "b", "rssi": -80, "snr": -9}])
    )
    assert (found.gateway_count, found.snr if number not in (1e-300, -5e-324) else -9) == (2, -9)


@pytest.mark.parametrize("number", [2**31, -(10**30), -201, None, "-70", -70.5, [], False])
def test_a_power_that_no_receiver_has_is_dropped(read: Read, number: Any) -> None:
    found = kept_uplink(read, event(rxInfo=[{"gatewayId": "a", "rssi": number, "snr": 7.5}]))
    assert (found.rssi, found.snr, found.gateway_count) == (None, 7.5, 1)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"object": [1]}, {"object": None}),
        ({"object": "x"}, {"object": None}),
        ({"rxInfo": None}, {"gateway_count": 0, "rssi": None}),
        ({"rxInfo": "x"}, {"gateway_count": 0, "rssi": None}),
        ({"rxInfo": {"gatewayId": "a"}}, {"gateway_count": 0}),
        ({"rxInfo": [None, 5, {"gatewayId": "a", "rssi": -70}]}, {"gateway_count": 1, "rssi": -70}),
        ({"rxInfo": [{"gatewayId": None, "rssi": -70}]}, {"gateway_count": 1, "rssi": -70}),
        ({"dr": None}, {"dr": None}),
        ({"dr": "5"}, {"dr": None}),
        ({"dr": 1e300}, {"dr": None}),
        ({"confirmed": None}, {"confirmed": False}),
        ({"confirmed": "yes"}, {"confirmed": False}),
        ({"txInfo": None, "adr": "x", "devAddr": 7, "regionConfigId": []}, {}),
    ],
)
def test_a_wrong_optional_field_is_dropped_and_the_uplink_is_kept(
    read: Read, fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    found = kept_uplink(read, event(**fields))
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"tags": None}, {"tags": {}}),
        ({"tags": ["codec"]}, {"tags": {}}),
        ({"tags": {"codec": "acme", "level": 1, "zone": None}}, {"tags": {"codec": "acme"}}),
        ({"deviceName": None}, {"name": ""}),
        ({"deviceName": 7, "deviceProfileName": "P"}, {"name": "", "profile": "P"}),
        ({"applicationName": [], "deviceProfileName": {}}, {"application": "", "profile": ""}),
    ],
)
def test_a_wrong_name_or_tag_of_a_device_is_dropped(read: Read, fields: dict[str, Any], kept: dict[str, Any]) -> None:
    device = kept_uplink(read, event(deviceInfo={"devEui": "24e124dd54ace875"} | fields)).device
    assert {name: getattr(device, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"\xff", "\ufffd"),
        (b"\\ud800", "?"),
        (b"a\\udfffb", "a?b"),
        (b"\\ude00\\ud83d", "??"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"a\0b", "ab"),
        (b"a\nb", "a\nb"),
        (b"\\ud800\\u0000", "?"),
        (b"\x1b[31m", "\x1b[31m"),
    ],
)
def test_text_that_cannot_be_stored_costs_no_uplink(read: Read, text: bytes, kept: str) -> None:
    """The text is in a name, in a tag, in an object and in its key."""
    payload = event(
        deviceInfo={"devEui": "24e124dd54ace875", "deviceName": "HERE", "tags": {"HERE": "HERE"}},
        object={"HERE": ["HERE"], "wrong": "NAN"},
    )
    for number in (b"1", b"NaN"):  # both in valid and in nearly valid JSON
        found = kept_uplink(read, payload.replace(b"HERE", text).replace(b'"NAN"', number))
        assert (found.device.name, found.device.tags) == (kept, {kept: kept})
        assert found.object == {kept: [kept], "wrong": 1 if number == b"1" else None}


@pytest.mark.parametrize(
    ("name", "fields", "kept"),
    [
        ("status", {"margin": "x", "batteryLevel": "full"}, {"margin_db": None, "battery_percent": None}),
        ("status", {"externalPowerSource": 1, "batteryLevel": 50.0}, {"external_power": None, "battery_percent": 50.0}),
        ("status", {"deduplicationId": 7}, {"deduplication_id": None}),
        (
            "log",
            {"level": 3, "code": None, "description": "d"},
            {"level": "INFO", "code": "UNKNOWN", "description": "d"},
        ),
        ("log", {"context": {"a": 1, "b": "c"}}, {"details": {"context": {"b": "c"}}}),
        ("join", {"devAddr": 5}, {"details": {"dev_addr": ""}}),
        (
            "ack",
            {"acknowledged": "x", "fCntDown": -1},
            {"details": {"queue_item_id": "", "acknowledged": None, "f_cnt_down": None}},
        ),
    ],
)
def test_a_wrong_optional_field_of_another_event_is_dropped_too(
    read: Read, name: str, fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    found = read(name, event(**fields))
    assert isinstance(found, DeviceEvent), found
    assert {field: getattr(found, field) for field in kept} == kept


def test_a_place_that_is_not_on_earth_is_dropped(read: Read) -> None:
    place = {"latitude": 91, "longitude": -180.5, "altitude": 1e308, "accuracy": "good", "source": None}
    found = read("location", event(location=place))
    assert found.details == {
        "latitude": None,
        "longitude": None,
        "altitude": None,
        "accuracy": None,
        "source": "UNKNOWN",
    }


def test_chirpstack_v3_is_named(read: Read) -> None:
    """The marshaler `json_v3` has the same topics by default."""
    payload = {
        "applicationID": "123",
        "applicationName": "parking",
        "deviceName": "bay 1",
        "devEUI": "0202020202020202",
        "rxInfo": [{"gatewayID": "0303030303030303", "name": "roof", "rssi": -57, "loRaSNR": 10}],
        "txInfo": {"frequency": 868100000, "dr": 5},
        "adr": False,
        "fCnt": 10,
        "fPort": 5,
        "data": "AQ==",
        "object": {"occupied": True},
        "tags": {"key": "value"},
    }
    rejection = read("application/123/device/0202020202020202/event/up", json.dumps(payload).encode())
    assert rejection.reason is Reason.CHIRPSTACK_V3
    assert "ChirpStack v4 is needed" in rejection.detail


def test_a_field_of_v3_within_v4_is_no_v3(read: Read) -> None:
    assert read("up", event(object={"devEUI": 1}, fPort=-1)).reason is Reason.INVALID
    assert read("up", event(object={"devEUI": 1})).object == {"devEUI": 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'{"time":',
        event() + b"x",
        event()[:-1],
        event(object="HERE").replace(b'"HERE"', b"nan"),
        event(object="HERE").replace(b'"HERE"', b"+1"),
        event().replace(b'"', b"'"),
        b"{\xff",
    ],
)
def test_invalid_json_is_malformed(read: Read, payload: bytes) -> None:
    rejection = read("up", payload)
    assert rejection.reason is Reason.MALFORMED
    assert rejection.detail.startswith("The payload begins like JSON but is not valid JSON: ")


@pytest.mark.parametrize("name", ["up", "join", "log"])
def test_the_empty_message_that_clears_a_retained_topic_is_no_rejection(read: Read, name: str) -> None:
    assert read(f"application/a/device/d/event/{name}", b"") == UnknownEvent(name=name)


@pytest.mark.parametrize("payload", [b" ", b"  \r\n"])
def test_blanks_are_malformed(read: Read, payload: bytes) -> None:
    assert read("up", payload) == Rejection(reason=Reason.MALFORMED, detail="The payload is empty.")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (r"bay\u0000 1", "bay 1"),
        (r"\u0000\u0000", ""),
        (r"C:\\u0000", r"C:\u0000"),
        (r"C:\\\u0000", "C:\\"),
        (r"C:\\\\u0000\u0000", r"C:\\u0000"),
        (r"\"\u0000\u00e9", '"é'),
        (r"tab\t", "tab\t"),
    ],
)
def test_only_nul_is_removed_from_text(read: Read, text: str, kept: str) -> None:
    """PostgreSQL stores no NUL, and a device must not be lost because of its name."""
    payload = event(
        deviceInfo={"devEui": "24e124dd54ace875", "deviceName": "HERE", "tags": {"HERE": "HERE"}},
        object={"HERE": ["HERE"]},
    )
    uplink = read("up", payload.replace(b"HERE", text.encode()))
    assert (uplink.device.name, uplink.device.tags, uplink.object) == (kept, {kept: kept}, {kept: [kept]})


def test_the_limit_of_bytes() -> None:
    payload = event()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert isinstance(parse("up", payload, received_at=now, limits=Limits(payload_bytes=len(payload), depth=1)), Uplink)
    limits = Limits(payload_bytes=len(payload) - 1, depth=1)
    detail = f"The payload has {len(payload)} bytes, at most {len(payload) - 1} are allowed."
    assert parse("up", payload, received_at=now, limits=limits) == Rejection(reason=Reason.TOO_LARGE, detail=detail)


def test_an_unknown_event_that_is_too_large_is_unknown() -> None:
    limits = Limits(payload_bytes=1, depth=1)
    assert too_large("application/a/device/d/command/down", 2, limits=limits) == UnknownEvent(name="down")


@pytest.mark.parametrize("number", ["1", "NaN"])
def test_an_object_of_thousands_of_lists_is_dropped(read: Read, number: str) -> None:
    """The object would take fifty times its bytes in memory. Both in valid and in nearly valid JSON."""
    payload = event(object={"a": "HERE"}, fCnt=0).replace(b'"HERE"', f"[{'[],' * 10_000}{number}]".encode())
    assert kept_uplink(read, payload) == kept_uplink(read, event())


def nested(opening: str, closing: str, levels: int) -> bytes:
    return (opening * levels + closing * levels).encode()


@pytest.mark.parametrize(("opening", "inner"), [("[", "]"), ('{"a":', "1}")])
def test_the_limit_of_depth_is_that_of_the_object(read: Read, opening: str, inner: str) -> None:
    """The limit of these tests is eight levels: the object and seven within it."""

    def uplink(levels: int) -> Any:
        value = opening * levels + inner[:-1] + inner[-1] * levels
        return read("up", event(object={"a": "HERE"}).replace(b'"HERE"', value.encode()))

    assert uplink(7).object is not None
    assert kept_uplink(read, event()) == uplink(8)


def test_a_flat_object_of_any_size_is_not_deep(read: Read) -> None:
    value = {str(number): [number] for number in range(1000)}
    assert read("up", event(object=value)).object == value


def test_a_skipped_field_may_be_nested(read: Read) -> None:
    """A skipped field takes no memory."""
    assert isinstance(read("up", event(txInfo="HERE").replace(b'"HERE"', nested("[", "]", 500))), Uplink)


@pytest.mark.parametrize("levels", [20_000, 100_000, 1_000_000])  # Python 3.12 allows up to 10,000
@pytest.mark.parametrize("field", ["object", "txInfo", "unheard-of"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_bomb_of_brackets_is_rejected_as_too_deep(read: Read, field: str, opening: str, levels: int) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]
    value = '{"a":' + opening * levels + ("1" if closing == "}" else "") + closing * levels + "}"
    rejection = read("up", event(**{field: "HERE"}).replace(b'"HERE"', value.encode()))
    assert rejection.reason is Reason.TOO_DEEP
