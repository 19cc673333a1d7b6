"""The fleet: the same seed sends the same bytes, its ledger entries equal its frames, and every oddity occurs."""

import json
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest

from decoders import Frame, Occupancy, Undecodable
from parking_gateway import chirpstack
from parking_gateway.cli.demo import car_park, fleet, gate, lamp
from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.up_events import event_topic
from parking_gateway.core import indicator
from parking_gateway.core.events import Uplink
from parking_gateway.decoding import codecs

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = chirpstack.Limits(payload_bytes=262_144, depth=32)
RECORDINGS = Path(__file__).parents[2] / "recordings" / "chirpstack-json.jsonl"
SENSORS = [*car_park.build_sensors(120), *car_park.UNASSIGNED]


def of_the_first(seconds: float, *, seed: int = 1) -> list[TimedEvent]:
    end = START + timedelta(seconds=seconds)
    return list(takewhile(lambda event: event.at < end, fleet.events(SENSORS, start=START, seed=seed)))


def parsed(event: TimedEvent) -> Uplink:
    found = chirpstack.parse(event.topic, event.payload, received_at=event.at, limits=LIMITS)
    assert isinstance(found, Uplink)
    return found


def shape(value: Any) -> Any:
    """The names and types in a JSON value, without the fields that ChirpStack leaves out when they are 0."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key not in ("rssi", "snr", "channel")}
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value)


def test_the_same_seed_sends_the_same_bytes_and_another_does_not() -> None:
    assert of_the_first(5) == of_the_first(5)
    assert of_the_first(5) != of_the_first(5, seed=2)


def test_events_come_in_the_order_of_their_publication() -> None:
    assert all(before.at <= after.at for before, after in pairwise(of_the_first(60)))


def test_an_event_equals_its_ledger_entry() -> None:
    sensors = {sensor.dev_eui: sensor for sensor in SENSORS}
    for event in of_the_first(30):
        uplink, sent = parsed(event), event.uplink
        sensor = sensors[uplink.device.dev_eui]
        assert (uplink.deduplication_id, uplink.time, uplink.f_cnt, sensor.place) == (
            sent.deduplication_id,
            sent.seen_at,
            sent.f_cnt,
            sent.place,
        )
        decode = codecs.bind(codecs.find(sensor.model.codec), sensor.model.options)
        frame = Frame(port=uplink.f_port, payload=uplink.data, received_at=uplink.time)
        if sent.is_occupied is None:
            with pytest.raises(Undecodable):
                decode(frame)
        else:
            assert decode(frame).occupancy is (Occupancy.OCCUPIED if sent.is_occupied else Occupancy.VACANT)


def test_events_have_the_shape_of_real_ones() -> None:
    """Every field of a real event, at the same place and of the same type, and about as many bytes."""
    real = next(
        b64decode(line["payload"])
        for line in map(json.loads, RECORDINGS.read_text().splitlines())
        if line["topic"].endswith("/event/up") and line["scene"] == "vendor frames"
    )
    for event in of_the_first(5):
        assert list(json.loads(event.payload)) == list(json.loads(real))
        assert shape(json.loads(event.payload)) == shape(json.loads(real))
        assert len(real) * 0.9 < len(event.payload) < len(real) * 1.5


def test_every_oddity_comes_within_seconds() -> None:
    events = of_the_first(4)
    times = Counter(event.uplink.deduplication_id for event in events)
    newest: dict[str, datetime] = {}
    overtaken = 0
    for event in events:
        overtaken += event.uplink.seen_at < newest.get(event.topic, event.uplink.seen_at)
        newest[event.topic] = max(event.uplink.seen_at, newest.get(event.topic, event.uplink.seen_at))
    assert max(times.values()) == 2
    assert overtaken > 0
    assert any(event.uplink.is_damaged for event in events)
    assert any(event.uplink.place is None for event in events)
    assert len({event.topic for event in events}) == len(SENSORS)


def test_cars_come_and_go() -> None:
    """Every space is both occupied and vacant within some minutes."""
    occupancies: dict[str, set[bool | None]] = {}
    for event in of_the_first(600):
        occupancies.setdefault(event.topic, set()).add(event.uplink.is_occupied)
    assert all({True, False} <= found for found in occupancies.values())


@pytest.mark.parametrize("spaces", [1, 4, 120, 501, 10_000])
def test_a_car_park_has_the_requested_size(spaces: int) -> None:
    sensors = car_park.build_sensors(spaces)
    entries = car_park.entries(sensors)
    assert len(entries) == len({entry.place for entry in entries}) == len({one.dev_eui for one in sensors}) == spaces


def test_one_sensor_falls_silent_for_longer_than_it_may_and_comes_back() -> None:
    (silent,) = (sensor for sensor in SENSORS if sensor.lost_after is not None)
    assert silent.lost_after is not None
    times = [event.at for event in of_the_first(120) if event.topic == event_topic(silent, "up")]
    pauses = [after - before for before, after in pairwise(times)]
    assert sum(one > timedelta(seconds=2 * silent.lost_after) for one in pauses) >= 3
    assert sum(one < timedelta(seconds=silent.lost_after) for one in pauses) >= 9


def test_the_gate_counts_up_and_its_zone_is_never_fuller_than_full() -> None:
    events = list(islice(gate.events(start=START, seed=1), 500))
    decode = codecs.bind(codecs.find("milesight_vs133"), {})
    before = (0, 0)
    for event in events:
        uplink, passed = parsed(event), event.uplink.passed
        reading = decode(Frame(port=uplink.f_port, payload=uplink.data, received_at=uplink.time))
        assert passed is not None
        assert (reading.counter_in, reading.counter_out) == (passed.came, passed.left) >= before
        assert 0 <= passed.came - passed.left <= car_park.YARD_CAPACITY
        before = (passed.came, passed.left)
    assert before > (100, 100)
    assert events[:9] == list(islice(gate.events(start=START, seed=1), 9))


def test_the_codec_of_the_lamp_reads_its_keep_alives() -> None:
    decode = codecs.bind(codecs.find("plenom_busylight"), {})
    for event in islice(lamp.events(start=START, seed=1), 3):
        uplink = parsed(event)
        assert decode(Frame(port=uplink.f_port, payload=uplink.data, received_at=uplink.time)).occupancy is None


def test_the_colours_of_the_lamp_are_those_of_its_model() -> None:
    pictures = {
        indicator.painted(text, indicator.Shown()).hex(): state for state, text in indicator.BUSYLIGHT.pictures.items()
    }
    assert pictures == lamp.COLOURS


def test_the_sample_has_two_sites_and_five_zones() -> None:
    places = [entry.place for entry in car_park.entries(car_park.build_sensors(120))]
    assert len({place.site for place in places}) == 2
    assert len({(place.site, place.zone) for place in places}) == 5


def test_a_fleet_never_ends() -> None:
    assert len(list(islice(fleet.events(SENSORS[:1], start=START, seed=1), 1000))) == 1000
