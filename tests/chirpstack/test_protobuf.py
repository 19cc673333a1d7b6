"""Errors that only protobuf can have. Valid messages are tested in `test_both_forms` and `test_recordings`."""

import math
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from chirpstack_api import integration
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import example, given
from hypothesis import strategies as st

from parking_gateway.chirpstack import protobuf_messages, protobuf_values
from parking_gateway.core.events import DeviceIdentity, Reason, Uplink

Read = Callable[[str, bytes], Any]

UUID = "bf43847b-020c-440c-aa89-0fd326528ef9"
DEVICE = {"dev_eui": "24E124DD54ACE875"}
TIME = {"seconds": 1_795_454_613, "nanos": 450_547_680}


def uplink(**fields: Any) -> integration.UplinkEvent:
    return integration.UplinkEvent(**({"deduplication_id": UUID, "time": TIME, "device_info": DEVICE} | fields))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"deduplication_id": ""}, "`$.deduplicationId`"),
        ({"deduplication_id": "bf43847b"}, "`$.deduplicationId`"),
        ({"device_info": {}}, "`$.deviceInfo.devEui`"),
        ({"device_info": {"dev_eui": "24e124dd54ace87g"}}, "`$.deviceInfo.devEui`"),
        ({"f_port": 256}, "`$.fPort`"),
        ({"time": {"seconds": 253_402_300_800}}, "`$.time`"),
        ({"time": {"seconds": 253_402_300_799, "nanos": 999_999_999}}, "`$.time`"),
        ({"time": {"seconds": -62_135_596_801}}, "`$.time`"),
        ({"time": {"seconds": 2**63 - 1}}, "`$.time`"),
        ({"time": {"seconds": 1, "nanos": 1_000_000_000}}, "`$.time`"),
        ({"time": {"seconds": 1, "nanos": -1}}, "`$.time`"),
    ],
)
def test_an_impossible_value_is_invalid_and_named(read: Read, fields: dict[str, Any], where: str) -> None:
    rejection = read("up", uplink(**fields).SerializeToString())
    assert rejection.reason is Reason.INVALID
    assert rejection.detail.startswith("The `up` event is not valid: ")
    assert where in rejection.detail


@pytest.mark.parametrize("payload", [b"hello", b"[1]", b"null", b"\xff\xff\xff", b"\n$abc", b"\n\x02\xff\xff"])
def test_bytes_of_neither_form_are_malformed(read: Read, payload: bytes) -> None:
    rejection = read("up", payload)
    assert rejection.reason is Reason.MALFORMED
    assert rejection.detail.startswith("The payload is neither JSON nor readable protobuf: ")


def test_an_uplink_whose_device_is_no_protobuf_is_malformed(read: Read) -> None:
    senderless = uplink()
    senderless.ClearField("device_info")
    assert read("up", senderless.SerializeToString() + field(3, b"\n\xff")).reason is Reason.MALFORMED


def test_another_messages_protobuf_is_invalid(read: Read) -> None:
    assert read("up", Value(number_value=1.0).SerializeToString()).reason is Reason.INVALID


def test_an_uplink_without_time_or_device_is_invalid_and_names_the_field(read: Read) -> None:
    timeless, senderless = uplink(), uplink()
    timeless.ClearField("time")
    senderless.ClearField("device_info")
    assert "missing required field `time`" in read("up", timeless.SerializeToString()).detail
    assert "`$.deviceInfo.devEui`" in read("up", senderless.SerializeToString()).detail


def test_an_uplink_of_1970_has_a_time(read: Read) -> None:
    first = read("up", uplink(time={"nanos": 1_000}).SerializeToString())
    assert first.time == datetime(1970, 1, 1, microsecond=1, tzinfo=UTC)


def test_a_device_is_read_once_while_its_bytes_stay_the_same(read: Read) -> None:
    def device(name: str) -> DeviceIdentity:
        found: DeviceIdentity = read(
            "up", uplink(device_info=DEVICE | {"device_name": name}).SerializeToString()
        ).device
        return found

    bay_1 = device("bay 1")
    assert device("bay 2").name == "bay 2"
    assert device("bay 1") is bay_1
    assert (bay_1.name, bay_1.dev_eui) == ("bay 1", "24e124dd54ace875")


def deep(levels: int) -> Struct:
    """Return a struct with nested lists, with this number of levels."""
    value = Value(list_value=ListValue())
    for _ in range(levels - 2):
        value = Value(list_value=ListValue(values=[value]))
    return Struct(fields={"a": value})


def test_the_limit_of_depth_is_that_of_the_object(read: Read) -> None:
    assert isinstance(read("up", uplink(object=deep(8)).SerializeToString()), Uplink)
    assert read("up", uplink(object=deep(9)).SerializeToString()) == read("up", uplink().SerializeToString())


def test_a_bomb_of_messages_is_too_deep(read: Read) -> None:
    """Protobuf itself refuses more than 100 nested messages. These bytes are made by hand, because no library writes them."""
    value = b""
    for _ in range(1_000):
        value = field(6, field(1, value))  # Value.list_value, ListValue.values
    payload = uplink().SerializeToString() + field(11, field(1, field(1, b"a") + field(2, value)))
    assert read("up", payload).reason is Reason.TOO_DEEP


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    length, digits = len(content), b""
    while length > 0x7F:
        digits += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + digits + bytes([length]) + content


@pytest.mark.parametrize("text", [b"\xff", b"bay \xed\xa0\x80", b"\xc3"])
def test_text_that_is_no_utf8_costs_no_uplink(read: Read, text: bytes) -> None:
    """Protobuf itself refuses such a message. The text is in a name, a tag, an object, its key, and a gateway's id."""
    place = "#" * len(text)
    sent = uplink(
        device_info=DEVICE | {"device_name": place, "tags": {place: place}},
        rx_info=[{"gateway_id": place, "rssi": -70, "snr": 7.5}],
        f_cnt=7,
        f_port=85,
        data=b"\xff\xed",
    )
    sent.object.update({place: [place], "part": {place: 1.5, "yes": True}})
    found = read("up", sent.SerializeToString().replace(place.encode(), text))
    assert isinstance(found, Uplink), found
    kept = text.decode(errors="replace")
    assert (found.device.name, found.device.tags) == (kept, {kept: kept})
    assert found.object == {kept: [kept], "part": {kept: 1.5, "yes": True}}
    assert (found.rssi, found.snr, found.f_cnt, found.f_port, found.data) == (-70, 7.5, 7, 85, b"\xff\xed")


@pytest.mark.parametrize("snr", [math.nan, math.inf, -math.inf, 1e38, 1e-45])
def test_a_signal_that_no_receiver_has_is_dropped(read: Read, snr: float) -> None:
    sent = uplink(rx_info=[{"gateway_id": "a", "rssi": 2**31 - 1, "snr": snr}], dr=99)
    found = read("up", sent.SerializeToString())
    assert (found.rssi, found.snr, found.dr, found.gateway_count) == (None, None, None, 1)


def test_a_log_with_text_that_is_no_utf8_is_kept(read: Read) -> None:
    log = integration.LogEvent(time=TIME, device_info=DEVICE, description="HERE", context={"HERE": "HERE"})
    found = read("log", log.SerializeToString().replace(b"HERE", b"\xff\xff\xff\xff"))
    assert found.description == "\ufffd" * 4


def test_fields_of_a_newer_chirpstack_are_skipped_while_text_is_mended(read: Read) -> None:
    """Unknown fields of every wire type."""
    added = b"\xf8\x07\x01" + b"\xf9\x07" + bytes(8) + b"\xfa\x07\x02ab" + b"\xfd\x07" + bytes(4)
    sent = uplink(device_info=DEVICE | {"device_name": "HERE"}).SerializeToString().replace(b"HERE", b"\xff" * 4)
    assert read("up", sent + added).device.name == "\ufffd" * 4


@pytest.mark.parametrize("tail", [b"\xfa\x07\x05ab", b"\xf9\x07ab", b"\xfb\x07", b"\xf8\x07" + b"\x80" * 11, b"\xf8"])
def test_bytes_that_are_no_protobuf_are_not_mended(read: Read, tail: bytes) -> None:
    sent = uplink(device_info=DEVICE | {"device_name": "HERE"}).SerializeToString().replace(b"HERE", b"\xff" * 4)
    assert read("up", sent + tail).reason is Reason.MALFORMED


def test_a_place_that_is_not_on_earth_is_dropped(read: Read) -> None:
    place = {"latitude": math.nan, "longitude": 181, "altitude": 1e300, "accuracy": math.inf}
    event = integration.LocationEvent(time=TIME, device_info=DEVICE, location=place)
    assert read("location", event.SerializeToString()).details == {
        "latitude": None,
        "longitude": None,
        "altitude": None,
        "accuracy": None,
        "source": "UNKNOWN",
    }


def test_nul_is_removed_from_text(read: Read) -> None:
    message = uplink(device_info={"dev_eui": "24e124dd54ace875", "device_name": "bay\0 1", "tags": {"a\0": "\0b"}})
    message.object.update({"k\0": ["\0v"], "part": {"\0k": True}})
    found = read("up", message.SerializeToString())
    assert (found.device.name, found.device.tags, found.object) == (
        "bay 1",
        {"a": "b"},
        {"k": ["v"], "part": {"k": True}},
    )


@given(number=st.floats(width=32))
@example(number=1.3644169484905433e-05)  # takes all nine digits
def test_a_float_of_32_bits_is_shown_by_its_shortest_decimal(number: float) -> None:
    """The decimal is the same 32-bit float, in at most nine digits. NaN and infinities are None."""
    shown = protobuf_values.float32_of(number)
    if shown is None:
        assert not math.isfinite(number)
    else:
        assert struct.unpack("<f", struct.pack("<f", shown)) == (number,)
        assert float(f"{shown:.9g}") == shown


@pytest.fixture
def without_protobuf(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None in `sys.modules` makes Python's import raise `ModuleNotFoundError`."""
    monkeypatch.setitem(sys.modules, "chirpstack_api.integration", None)
    protobuf_messages.messages.cache_clear()
    yield
    protobuf_messages.messages.cache_clear()


@pytest.mark.usefixtures("without_protobuf")
def test_without_the_package_a_rejection_names_what_to_install(
    read: Read, json_recording: list[Any], protobuf_recording: list[Any]
) -> None:
    rejection = read(protobuf_recording[0].topic, protobuf_recording[0].payload)
    assert rejection.reason is Reason.PROTOBUF_NOT_INSTALLED
    assert "parking-gateway[protobuf]" in rejection.detail
    assert isinstance(read(json_recording[0].topic, json_recording[0].payload), Uplink)


def test_json_imports_nothing_of_protobuf(json_recording: list[Any]) -> None:
    """In an interpreter of its own, because another test may have imported it."""
    program = """
import sys
from datetime import UTC, datetime
from parking_gateway.chirpstack import Limits, parse
limits = Limits(payload_bytes=9999, depth=8)
outcome = parse("up", sys.stdin.buffer.read(), received_at=datetime.now(UTC), limits=limits)
print(type(outcome).__name__, sorted(name for name in sys.modules if "protobuf." in name or "chirpstack_api" in name))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], input=json_recording[0].payload, capture_output=True, check=True
    )
    assert run.stdout.decode().split(maxsplit=1) == ["Uplink", "[]\n"]
