"""The clock that dates an uplink, and the LoRaWAN gateway whose clock is wrong, in both forms."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from chirpstack_api.integration import UplinkEvent
from google.protobuf.json_format import ParseDict

from parking_gateway.chirpstack import Limits, parse
from parking_gateway.core.clocks import WrongClock
from parking_gateway.core.events import Uplink

NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
IN_2036 = datetime(2036, 2, 7, tzinfo=UTC)
Reception = dict[str, Any]
Read = Callable[[dict[str, Any]], Uplink]


@pytest.fixture(params=["json", "protobuf"])
def read(request: pytest.FixtureRequest) -> Read:
    """Read an event, in each form in turn."""

    def read(event: dict[str, Any]) -> Uplink:
        is_json = request.param == "json"
        payload = json.dumps(event).encode() if is_json else ParseDict(event, UplinkEvent()).SerializeToString()
        return _read(payload)

    return read


def _read(payload: bytes) -> Uplink:
    uplink = parse("up", payload, received_at=NOW, limits=Limits(payload_bytes=10_000, depth=8))
    assert isinstance(uplink, Uplink)
    return uplink


def event(time: datetime, *receptions: Reception, dev_addr: str = "01a2d830") -> dict[str, Any]:
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": time.isoformat(),
        "deviceInfo": {"devEui": "a840410000000001"},
        "devAddr": dev_addr,
        "rxInfo": list(receptions),
    }


def received_by(
    name: str, server: datetime | None = NOW, *, clock: datetime | None = None, has_gps: bool = False
) -> Reception:
    """An entry of `rxInfo`."""
    entry: Reception = {"gatewayId": name}
    if server:
        entry["nsTime"] = server.isoformat()
    if clock:
        entry["gwTime"] = clock.isoformat()
    if has_gps:
        entry["timeSinceGpsEpoch"] = "1479757125.795305984s"
    return entry


@pytest.mark.parametrize(
    ("receptions", "receiver"),
    [
        pytest.param([received_by("a"), received_by("b", clock=IN_2036, has_gps=True)], "b", id="the one with GPS"),
        pytest.param([received_by("a", has_gps=True), received_by("b", clock=NOW)], "a", id="with GPS and no clock"),
        pytest.param([received_by("a"), received_by("b", clock=IN_2036)], "b", id="the one with a clock"),
        pytest.param(
            [received_by("a", clock=NOW, has_gps=True), received_by("b", clock=IN_2036 - 4 * SECOND, has_gps=True)],
            "b",
            id="of several with GPS the nearest",
        ),
        pytest.param([received_by("a"), received_by("b")], "a", id="the first, without GPS or clock"),
        pytest.param([received_by("", has_gps=True)], None, id="without a name"),
        pytest.param([received_by("a" * 60_000, has_gps=True)], "a" * 16, id="a very long name"),
    ],
)
def test_the_receiver_that_claimed_a_wrong_time_is_named(
    read: Read, receptions: list[Reception], receiver: str | None
) -> None:
    payload = event(IN_2036, *receptions)
    if len(receptions[0]["gatewayId"]) > 16:
        payload["rxInfo"][0]["gatewayId"] = "a" * 6000
    uplink = read(payload)
    assert (uplink.time, uplink.heard_at) == (NOW, NOW)
    assert uplink.wrong_clock == WrongClock(claimed=IN_2036, receiver=receiver)


@pytest.mark.parametrize("receptions", [[received_by("a", IN_2036)], []])
def test_no_receiver_is_named_if_the_network_server_agrees_or_there_is_none(
    read: Read, receptions: list[Reception]
) -> None:
    uplink = read(event(IN_2036, *receptions))
    assert (uplink.time, uplink.heard_at) == (IN_2036, NOW)
    assert uplink.wrong_clock == WrongClock(claimed=IN_2036)


def test_the_newest_time_of_the_network_server_counts(read: Read) -> None:
    uplink = read(event(IN_2036, received_by("a", NOW - HOUR), received_by("b", NOW - SECOND), received_by("c", None)))
    assert uplink.heard_at == NOW - SECOND


@pytest.mark.parametrize("count", [1, 2])
def test_a_time_that_all_clocks_agree_on_is_believed(read: Read, count: int) -> None:
    uplink = read(event(NOW - SECOND, *(received_by(str(number)) for number in range(count))))
    assert uplink.wrong_clock is None
    assert uplink.heard_at == uplink.time == NOW - SECOND
    assert uplink.dev_addr == "01a2d830"


def test_a_server_time_at_another_offset_is_the_same_time(read: Read) -> None:
    east = timezone(timedelta(hours=5))
    uplink = read(event(IN_2036, received_by("a", NOW.astimezone(east))))
    assert (uplink.time, uplink.heard_at) == (NOW, NOW)
    assert uplink.time.tzinfo is UTC


@pytest.mark.parametrize("broken", [5, "yesterday", "", None, "0000-00-00T00:00:00Z", "9999-12-31T23:59:59-12:00", {}])
def test_an_invalid_clock_is_dropped_and_the_uplink_is_kept(broken: object) -> None:
    entry = received_by("a", clock=NOW, has_gps=True) | {"nsTime": broken, "gwTime": broken}
    uplink = _read(json.dumps(event(NOW - SECOND, entry)).encode())
    assert (uplink.heard_at, uplink.wrong_clock) == (NOW - SECOND, None)
    uplink = _read(json.dumps(event(IN_2036, entry)).encode())
    assert (uplink.heard_at, uplink.wrong_clock) == (NOW, WrongClock(claimed=IN_2036, receiver="a"))


def test_an_invalid_protobuf_clock_is_dropped_and_the_uplink_is_kept() -> None:
    message = ParseDict(event(NOW - SECOND, received_by("a")), UplinkEvent())
    message.rx_info[0].ns_time.nanos = -1
    message.rx_info[0].ns_time.seconds = 2**62
    assert _read(message.SerializeToString()).heard_at == NOW - SECOND


def test_nearly_valid_json_of_a_wrong_clock_is_read_and_no_receiver_is_named() -> None:
    text = json.dumps(event(IN_2036, received_by("a", has_gps=True))).replace('"gatewayId"', '"snr": NaN, "gatewayId"')
    uplink = _read(text.encode())
    assert (uplink.heard_at, uplink.wrong_clock) == (NOW, WrongClock(claimed=IN_2036))


@pytest.mark.parametrize("dev_addr", ["", "01", "01a2d830ff", "01a2d8\x0030"])
def test_an_invalid_device_address_names_no_session(read: Read, dev_addr: str) -> None:
    assert read(event(NOW, received_by("a"), dev_addr=dev_addr)).dev_addr is None or "\0" in dev_addr


def test_nine_digits_are_the_same_key_in_both_forms() -> None:
    """A redelivery has the same key in either form."""
    fields = event(NOW, received_by("a")) | {"time": "2026-11-26T17:59:59.123456789Z"}
    fields["rxInfo"][0]["nsTime"] = "2026-11-26T17:00:00.987654321Z"
    from_json, from_protobuf = (
        _read(payload)
        for payload in (json.dumps(fields).encode(), ParseDict(fields, UplinkEvent()).SerializeToString())
    )
    assert from_json == from_protobuf
    assert from_json.time.microsecond == 987_654
