"""What each field of the JSON may and may not be, and what is made of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from parking_gateway.chirpstack import Limits, parse
from parking_gateway.uplink import DeviceEvent, EventKind, Reason, Rejection, UnknownEvent, Uplink

Read = Callable[[str, bytes], Any]

UUID = "bf43847b-020c-440c-aa89-0fd326528ef9"


def event(**fields: Any) -> bytes:
    """An uplink, or another event with these fields too. A field of `...` is left out."""
    usual = {
        "deduplicationId": UUID,
        "time": "2026-11-23T17:23:33.450547680+00:00",
        "deviceInfo": {"devEui": "24e124dd54ace875"},
    }
    return json.dumps({name: value for name, value in (usual | fields).items() if value is not ...}).encode()


def test_chirpstack_4_0_leaves_out_whatever_is_zero(read: Read) -> None:
    uplink = read("application/a/device/d/event/up", event(rxInfo=[{"gatewayId": "0016c001f153a14c"}]))
    assert isinstance(uplink, Uplink)
    assert (uplink.f_cnt, uplink.f_port, uplink.data, uplink.dr, uplink.confirmed) == (0, 0, b"", 0, False)
    assert (uplink.rssi, uplink.snr, uplink.gateway_count, uplink.object) == (0, 0.0, 1, None)
    assert (uplink.device.name, uplink.device.tags) == ("", {})


def test_chirpstack_4_0_leaves_out_what_is_zero_in_other_events_too(read: Read) -> None:
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
    ("heard", "rssi", "snr"),
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
    read: Read, heard: list[tuple[int, float | None]], rssi: int | None, snr: float | None
) -> None:
    """A number that is no power of any receiver is dropped and loses no uplink."""
    receptions = [{"gatewayId": str(number), "rssi": rssi, "snr": snr} for number, (rssi, snr) in enumerate(heard)]
    uplink = read("up", event(rxInfo=receptions))
    assert (uplink.rssi, uplink.snr, uplink.gateway_count) == (rssi, snr, len(heard))


def test_a_gateway_that_heard_it_twice_counts_once(read: Read) -> None:
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
def test_a_time_that_is_none_is_invalid(read: Read, name: str, text: Any) -> None:
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
        ({"deviceInfo": {"devEui": "24e124dd54ace875", "tags": {"a": 1}}}, "`$.deviceInfo.tags[...]`"),
        ({"fPort": 256}, "`$.fPort`"),
        ({"fPort": -1}, "`$.fPort`"),
        ({"fCnt": 4_294_967_296}, "`$.fCnt`"),
        ({"fCnt": 10**40}, "`$.fCnt`"),
        ({"fCnt": "1"}, "`$.fCnt`"),
        ({"data": "AQ"}, "`$.data`"),
        ({"data": "A-_="}, "`$.data`"),
        ({"data": "A Q="}, "`$.data`"),
        ({"object": [1]}, "`$.object`"),
        ({"rxInfo": [{"rssi": "loud"}]}, "`$.rxInfo[0].rssi`"),
    ],
)
def test_what_is_impossible_is_invalid_and_named(read: Read, fields: dict[str, Any], where: str) -> None:
    rejection = read("up", event(**fields))
    assert rejection.reason is Reason.INVALID
    assert rejection.detail.startswith("The `up` event is not valid: ")
    assert where in rejection.detail


@pytest.mark.parametrize("text", ["1e400", "1" * 5_000])
def test_a_number_beyond_all_measure_is_invalid(read: Read, text: str) -> None:
    payload = event(object={"value": "HERE"}).replace(b'"HERE"', text.encode())
    assert read("up", payload).reason is Reason.INVALID


def test_chirpstack_v3_is_told_from_a_broken_v4(read: Read) -> None:
    """Its marshaler `json_v3` has the same topics by default."""
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
        event(deviceInfo={"devEui": "24e124dd54ace875", "deviceName": "HERE"}).replace(b"HERE", b"\xff"),
        event(deviceInfo={"devEui": "24e124dd54ace875", "deviceName": "HERE"}).replace(b"HERE", b"\\ud800"),
        event(deviceInfo={"devEui": "24e124dd54ace875", "deviceName": "HERE"}).replace(b"HERE", b"\xed\xa0\x80"),
        event(deviceInfo={"devEui": "24e124dd54ace875", "deviceName": "HERE"}).replace(b"HERE", b"\0"),
        event(object={"value": float("nan")}),
        event(object={"value": float("inf")}),
    ],
)
def test_what_is_no_json_is_malformed(read: Read, payload: bytes) -> None:
    """NaN and lone surrogates are no JSON; ChirpStack writes neither."""
    rejection = read("up", payload)
    assert rejection.reason is Reason.MALFORMED
    assert rejection.detail.startswith("The payload begins like JSON and is not: ")


@pytest.mark.parametrize("payload", [b"", b"  \r\n"])
def test_nothing_is_malformed(read: Read, payload: bytes) -> None:
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
def test_a_nul_is_taken_out_of_text_and_nothing_else_is(read: Read, text: str, kept: str) -> None:
    """PostgreSQL stores no NUL, and a device must not be lost for its name."""
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
    detail = f"The payload has {len(payload)} bytes and {len(payload) - 1} are allowed."
    assert parse("up", payload, received_at=now, limits=limits) == Rejection(reason=Reason.TOO_LARGE, detail=detail)


def nested(opening: str, closing: str, levels: int) -> bytes:
    return (opening * levels + closing * levels).encode()


@pytest.mark.parametrize(("opening", "inner"), [("[", "]"), ('{"a":', "1}")])
def test_the_limit_of_depth_is_that_of_the_object(read: Read, opening: str, inner: str) -> None:
    """Eight levels are allowed by these tests: the object and seven in it."""

    def uplink(levels: int) -> Any:
        value = opening * levels + inner[:-1] + inner[-1] * levels
        return read("up", event(object={"a": "HERE"}).replace(b'"HERE"', value.encode()))

    assert isinstance(uplink(7), Uplink)
    assert uplink(8) == Rejection(
        reason=Reason.TOO_DEEP, detail="The `object` of the uplink is nested deeper than 8 levels."
    )


def test_a_flat_object_of_any_size_is_not_deep(read: Read) -> None:
    value = {str(number): [number] for number in range(1000)}
    assert read("up", event(object=value)).object == value


def test_what_is_skipped_may_be_nested(read: Read) -> None:
    """Nothing is kept of it, so there is nothing to protect."""
    assert isinstance(read("up", event(txInfo="HERE").replace(b'"HERE"', nested("[", "]", 500))), Uplink)


@pytest.mark.parametrize("levels", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("field", ["object", "txInfo", "unheard-of"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_bomb_of_brackets_is_too_deep_and_harms_nothing(read: Read, field: str, opening: str, levels: int) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]
    value = '{"a":' + opening * levels + ("1" if closing == "}" else "") + closing * levels + "}"
    rejection = read("up", event(**{field: "HERE"}).replace(b'"HERE"', value.encode()))
    assert rejection.reason is Reason.TOO_DEEP
