"""The messages of a real ChirpStack, with a test for each of its surprises, in both forms."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parking_gateway.core.events import DeviceEvent, EventKind, UnknownEvent, Uplink

Scenes = list[tuple[str, Any]]


@pytest.fixture(scope="module", params=["json", "protobuf"])
def scenes(request: pytest.FixtureRequest, read: Callable[[str, bytes], Any]) -> Scenes:
    recording = request.getfixturevalue(f"{request.param}_recording")
    return [(message.scene, read(message.topic, message.payload)) for message in recording]


def of_scene(scenes: Scenes, name: str) -> list[Any]:
    return [outcome for scene, outcome in scenes if scene == name]


def of_kind(scenes: Scenes, kind: EventKind) -> list[DeviceEvent]:
    return [outcome for _, outcome in scenes if isinstance(outcome, DeviceEvent) and outcome.kind is kind]


def kind_of(outcome: Any) -> str:
    match outcome:
        case Uplink():
            return "up"
        case DeviceEvent(kind=kind):
            return kind.value
        case UnknownEvent(name=name):
            return f"unknown {name}"
        case _:
            return repr(outcome)


def test_every_message_is_parsed(scenes: Scenes) -> None:
    assert Counter(kind_of(outcome) for _, outcome in scenes) == {
        "up": 305,
        "status": 14,
        "log": 13,
        "txack": 6,
        "join": 2,
        "ack": 2,
        "unknown down": 10,
    }


def test_every_scene_has_its_events(scenes: Scenes) -> None:
    """Downlink events come late, so some of them are recorded under the next scene."""
    seen: dict[str, Counter[str]] = {}
    for scene, outcome in scenes:
        seen.setdefault(scene, Counter())[kind_of(outcome)] += 1
    assert seen == {
        "vendor frames": {"up": 272},
        "rssi 0, snr 0, channel 0": {"up": 1},
        "mac only (fPort 0)": {"up": 1},
        "no port, no payload": {"up": 1},
        "port 1, empty payload": {"up": 1},
        "retransmission": {"log": 1},
        "confirmed uplink repeated (same frame counter)": {"up": 1, "log": 1},
        "three gateways, one late": {"up": 1, "log": 1},
        "counter jump by 5000": {"up": 1},
        "counter reset without join": {"log": 1},
        "object from a codec": {"up": 3},
        "codec throws": {"up": 1, "log": 1},
        "codec with a syntax error": {"up": 1, "log": 1},
        "device status 06c80c": {"up": 3, "status": 2},
        "device status 06ff3f": {"up": 3, "status": 3},
        "device status 060005": {"up": 3, "status": 3},
        "device status 060120": {"up": 3, "status": 3},
        "device status 06fe1f": {"up": 3, "status": 3},
        "join": {"join": 1},
        "first uplink after join": {"up": 1},
        "used DevNonce": {"log": 1},
        "rejoin, counter 0": {"join": 1, "up": 1},
        "join with a wrong key": {"log": 1},
        "unknown device joins": {"up": 1},
        "downlink, unconfirmed, own id": {"unknown down": 1},
        "downlink, confirmed, acknowledged": {"unknown down": 1, "txack": 1, "up": 1},
        "downlink, confirmed, never acknowledged": {"unknown down": 1, "txack": 2, "ack": 2, "up": 1},
        "downlink refused by the gateway": {"unknown down": 1, "log": 1},
        "downlink too large": {"unknown down": 1, "txack": 1},
        "downlink expired": {"unknown down": 1, "log": 2},
        "downlink port 0": {"unknown down": 1},
        "downlink object without codec": {"unknown down": 1, "txack": 1, "up": 1},
        "downlink object through a codec": {"unknown down": 1},
        "class A downlink waits for an uplink": {"unknown down": 1, "txack": 1, "log": 2},
    }


def test_every_deduplication_id_is_one_uplinks(scenes: Scenes) -> None:
    ids = [outcome.deduplication_id for _, outcome in scenes if isinstance(outcome, Uplink)]
    assert len(set(ids)) == len(ids) == 305


def test_signal_of_zero_is_zero_although_chirpstack_leaves_it_out(scenes: Scenes) -> None:
    (uplink,) = of_scene(scenes, "rssi 0, snr 0, channel 0")
    assert (uplink.rssi, uplink.snr, uplink.gateway_count) == (0, 0.0, 1)


@pytest.mark.parametrize("scene", ["mac only (fPort 0)", "no port, no payload"])
def test_mac_commands_and_no_port_at_all_look_the_same(scenes: Scenes, scene: str) -> None:
    (uplink,) = of_scene(scenes, scene)
    assert (uplink.f_port, uplink.data) == (0, b"")


def test_an_empty_payload_keeps_its_port(scenes: Scenes) -> None:
    (uplink,) = of_scene(scenes, "port 1, empty payload")
    assert (uplink.f_port, uplink.data) == (1, b"")


@pytest.mark.parametrize(
    ("scene", "code"),
    [
        ("retransmission", "UPLINK_F_CNT_RETRANSMISSION"),
        ("three gateways, one late", "UPLINK_F_CNT_RETRANSMISSION"),
        ("counter reset without join", "UPLINK_F_CNT_RESET"),
    ],
)
def test_a_log_names_the_uplink_that_was_dropped(scenes: Scenes, scene: str, code: str) -> None:
    """No `up` has this id, because a late copy changes nothing."""
    log = of_scene(scenes, scene)[-1]
    assert (log.kind, log.level, log.code) == (EventKind.LOG, "WARNING", code)
    assert str(log.deduplication_id) == log.details["context"]["deduplication_id"]
    ups = [outcome for _, outcome in scenes if isinstance(outcome, Uplink)]
    assert log.deduplication_id not in {uplink.deduplication_id for uplink in ups}


def test_several_gateways_make_one_uplink_with_the_best_signal(scenes: Scenes) -> None:
    uplink = of_scene(scenes, "three gateways, one late")[0]
    assert (uplink.gateway_count, uplink.snr, uplink.rssi) == (2, 7.5, -70)
    counts = Counter(uplink.gateway_count for uplink in of_scene(scenes, "vendor frames"))
    assert set(counts) == {1, 2, 3}


def test_a_gateways_wrong_clock_is_not_believed_even_where_it_has_gps(scenes: Scenes) -> None:
    """In about sixty uplinks the clock of a gateway was an hour off. ChirpStack used its own clock, but believed those with GPS."""
    uplinks = [outcome for _, outcome in scenes if isinstance(outcome, Uplink)]
    wrong = [uplink.wrong_clock for uplink in uplinks if uplink.wrong_clock]
    assert len(wrong) == {"Parking json": 7, "Parking protobuf": 8}[uplinks[0].device.application]
    assert {(one.receiver or "")[-4:] for one in wrong} <= {"0001", "0002", "0003"}
    times = [uplink.heard_at for uplink in uplinks]
    assert max(times) - min(times) < timedelta(minutes=30)
    assert all(timedelta(minutes=59) < max(times) - one.claimed < timedelta(minutes=90) for one in wrong)
    assert {time.tzinfo for time in times} == {UTC}


def test_object_numbers_are_floats(scenes: Scenes) -> None:
    occupied, vacant, _ = of_scene(scenes, "object from a codec")
    assert occupied.object == {"occupied": True, "port": 2.0, "battery": 3.6, "label": "bay", "raw": [1.0]}
    assert vacant.object == {"occupied": False, "port": 2.0, "battery": 3.6, "label": "bay", "raw": [0.0]}
    assert isinstance(occupied.object["raw"][0], float)


@pytest.mark.parametrize("scene", ["codec throws", "codec with a syntax error"])
def test_a_codec_that_throws_gives_a_log_and_an_uplink_without_object(scenes: Scenes, scene: str) -> None:
    uplink, log = sorted(of_scene(scenes, scene), key=lambda outcome: isinstance(outcome, DeviceEvent))
    assert uplink.object is None
    assert (log.level, log.code, log.deduplication_id) == ("ERROR", "UPLINK_CODEC", uplink.deduplication_id)
    assert log.description.startswith("JS error: Error: ")


@pytest.mark.parametrize(
    ("scene", "margin_db", "external_power", "battery_percent"),
    [
        ("device status 06c80c", 12, False, 78.74016),
        ("device status 06ff3f", -1, False, None),
        ("device status 060005", 5, True, None),
        ("device status 060120", -32, False, 0.39370078),
        ("device status 06fe1f", 31, False, 100.0),
    ],
)
def test_a_battery_of_zero_differs_from_no_battery(
    scenes: Scenes, scene: str, *, margin_db: int, external_power: bool, battery_percent: float | None
) -> None:
    """The network requests a status with the next uplink, so the last status of a scene belongs to it."""
    status = [outcome for outcome in of_scene(scenes, scene) if isinstance(outcome, DeviceEvent)][-1]
    assert (status.margin_db, status.external_power, status.battery_percent) == (
        margin_db,
        external_power,
        battery_percent,
    )


def test_a_join_gives_a_new_address_and_a_counter_of_zero(scenes: Scenes) -> None:
    first, second = of_kind(scenes, EventKind.JOIN)
    assert first.device.dev_eui == second.device.dev_eui
    assert first.details["dev_addr"] != second.details["dev_addr"]
    assert [outcome.f_cnt for outcome in of_scene(scenes, "rejoin, counter 0") if isinstance(outcome, Uplink)] == [0]


def test_an_ack_without_acknowledgement_belongs_to_no_uplink(scenes: Scenes) -> None:
    """Its `deduplicationId` is an empty text."""
    acks = {ack.details["acknowledged"]: ack for ack in of_kind(scenes, EventKind.ACK)}
    assert acks[False].deduplication_id is None
    assert acks[True].deduplication_id is not None
    assert all(ack.details["f_cnt_down"] > 0 and ack.details["queue_item_id"] for ack in acks.values())


def test_a_txack_has_no_uplink_and_no_tags(scenes: Scenes) -> None:
    for txack in of_kind(scenes, EventKind.TXACK):
        assert txack.deduplication_id is None
        assert txack.device.tags == {}
        assert set(txack.details) == {"queue_item_id", "gateway_id", "f_cnt_down", "downlink_id"}
        assert txack.details["queue_item_id"]
        assert txack.details["downlink_id"] > 0


@pytest.mark.parametrize(
    ("code", "context"),
    [
        ("DOWNLINK_PAYLOAD_SIZE", {"queue_item_id", "item_size", "max_payload_size"}),
        ("EXPIRED", {"queue_item_id"}),
        ("DOWNLINK_GATEWAY", set()),
    ],
)
def test_a_refused_downlink_gives_a_log_without_an_uplink(scenes: Scenes, code: str, context: set[str]) -> None:
    (log,) = [log for log in of_kind(scenes, EventKind.LOG) if log.code == code]
    assert set(log.details["context"]) == context
    assert log.deduplication_id is None


def test_nine_digits_are_rounded_to_microseconds(json_recording: list[Any], read: Callable[[str, bytes], Any]) -> None:
    """17:23:33.450547680 ends in …548; without rounding it would end in …547."""
    uplink = read(json_recording[0].topic, json_recording[0].payload)
    assert uplink.time == datetime(2026, 11, 23, 17, 23, 33, 450_548, tzinfo=UTC)


def test_an_uplink_in_full(json_recording: list[Any], read: Callable[[str, bytes], Any]) -> None:
    uplink = read(json_recording[0].topic, json_recording[0].payload)
    assert str(uplink.deduplication_id) == "bf43847b-020c-440c-aa89-0fd326528ef9"
    assert uplink.device.dev_eui == "a8404100003cea20"
    assert uplink.device.name == "adnexo-ax-dist bay 1"
    assert uplink.device.profile == "plain adnexo-ax-dist"
    assert uplink.device.application == "Parking json"
    assert uplink.device.tags == {"city": "Example", "vendor": "adnexo"}
    assert uplink.received_at == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    assert (uplink.f_cnt, uplink.f_port, uplink.data, uplink.dr) == (0, 100, bytes.fromhex("340adc"), 5)
    assert uplink.confirmed is True
    assert (uplink.rssi, uplink.snr, uplink.gateway_count, uplink.object) == (-102, -7.25, 1, None)
