"""Codecs that map the `object` of ChirpStack's own codec, from recorded events to a reading."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoders import Occupancy, Reading, Undecodable
from parking_gateway.chirpstack import Limits, parse
from parking_gateway.core.events import Reason, Rejection, Uplink
from parking_gateway.decoding.decoder import Choice, Decoder
from tests.decoding.declared.conftest import Declare, frame

HERE = Path(__file__).parent
DECODER = Decoder(folder=HERE / "vendors")
CHOICE = Choice(codec="chirpstack_bay")


def recorded(form: str, scene: str) -> list[Uplink]:
    """Return the uplinks of a recorded scene."""
    lines = (HERE.parents[1] / "recordings" / f"chirpstack-{form}.jsonl").read_text().splitlines()
    events = [line for line in map(json.loads, lines) if line["scene"] == scene]
    limits = Limits(payload_bytes=100_000, depth=8)
    received_at = datetime(2026, 11, 23, 18, tzinfo=UTC)
    outcomes = [
        parse(event["topic"], base64.b64decode(event["payload"]), received_at=received_at, limits=limits)
        for event in events
    ]
    return [outcome for outcome in outcomes if isinstance(outcome, Uplink)]


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_the_object_of_a_recorded_uplink_becomes_a_reading(form: str) -> None:
    occupied, vacant, _ = recorded(form, "object from a codec")
    expected = Reading(occupancy=Occupancy.OCCUPIED, battery_volts=3.6, counter=1)
    assert DECODER.read(occupied, CHOICE).reading == expected
    assert DECODER.read(vacant, CHOICE).reading == Reading(occupancy=Occupancy.VACANT, battery_volts=3.6, counter=0)


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        ("codec throws", "the size 0 on port 2 is not declared"),
        ("codec with a syntax error", "ChirpStack sent no object: "),
    ],
)
def test_without_an_object_the_rejection_names_the_cause(scene: str, why: str) -> None:
    """ChirpStack leaves `object` out if its codec failed, as it does in the first scene for an empty payload."""
    (uplink,) = recorded("json", scene)
    assert uplink.object is None
    rejection = DECODER.read(uplink, CHOICE).reading
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.UNDECODABLE
    assert rejection.detail.startswith(f"chirpstack_bay: {why}")


def test_an_object_is_mapped_for_declared_ports_and_sizes_only(declare: Declare) -> None:
    decode = declare(None)
    good: dict[str, object] = {"occupied": True}
    assert decode(frame("00", object=good)).occupancy is Occupancy.OCCUPIED
    with pytest.raises(Undecodable, match="port 2 is not declared, only 1"):
        decode(frame("00", port=2, object=good))
    with pytest.raises(Undecodable, match="the size 52 on port 1 is not declared"):
        decode(frame("00" * 52, object=good))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (None, "ChirpStack sent no object: "),
        ({"occupied": 1.0}, "occupied is 1, which is not a declared value"),
        ({"occupied": {}}, "occupied is an object"),
        ({"occupied": [True]}, "occupied is a list"),
        ({"occupied": "true"}, 'occupied is "true"'),
    ],
)
def test_an_object_that_is_not_as_declared_is_refused(
    declare: Declare, values: dict[str, object] | None, why: str
) -> None:
    with pytest.raises(Undecodable) as refusal:
        declare(None)(frame("00", object=values))
    assert why in str(refusal.value)


def test_an_object_without_declared_values_gives_an_empty_reading(declare: Declare) -> None:
    assert declare(None)(frame("00", object={})) == Reading()
    assert declare(None)(frame("00", object={"occupied": None, "else": {"occupied": True}})) == Reading()
