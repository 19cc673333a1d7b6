"""Frames as lines of JSON: any line has exactly one output line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy, Reading, conformance
from parking_gateway.decoding import codecs
from parking_gateway.decoding.frame_lines import BadFrame, as_json, decoded_line, frame_of

DEVICES = (
    *("bosch-tps110-v029", "bosch-tps110-v039", "nwave-nps310", "nwave-nps405", "nwave-nps405-legacy", "nwave-ncc405"),
    *("tekzitel-tekzipark", "pni-placepod", "netvox-r719a", "dingtek-do200", "dingtek-do201", "dingtek-do202"),
    *("moko-lw009-sm", "moko-lw009-ig", "moko-lw009-sm-pro", "macnman-parkomate", "cicicom-s-lg-i3"),
    *("libelium-smart-parking-fw1", "libelium-smart-parking-fw2", "libelium-smart-parking-2", "milesight-em310-udl"),
    *("milesight-em400-mud", "milesight-em400-tld", "milesight-em400-udl", "milesight-em500-udl"),
    *("milesight-em410-rdl", "milesight-em411-rdl", "dragino-ldds75", "dragino-dds75-lb", "dragino-dds45-lb"),
    *("dragino-lds12-lb", "decentlab-dl-mbx", "decentlab-dl-lid", "elsys-elt-ultrasonic", "browan-tbms100"),
    *("adnexo-ax-dist", "adnexo-ax-opto", "plenom-busylight"),
)
"""Names of devices in other systems."""


def ask(asked: object, *, folder: Path | None = None) -> dict[str, Any]:
    line = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    answered = decoded_line(line, received_at=conformance.NOON, folder=folder)
    assert answered.endswith(b"\n")
    assert answered.count(b"\n") == 1
    document: dict[str, Any] = json.loads(answered)
    return document


def question(codec: str, payload: str, *, port: int = 1, **more: object) -> dict[str, object]:
    return {"codec": codec, "fPort": port, "hex": payload, **more}


def test_a_line_has_the_fields_of_the_reading_and_always_the_occupancy() -> None:
    assert ask(question("bosch-tps110-v029", "01f4", port=2)) == {"occupancy": "occupied", "temperature_celsius": -12}
    assert ask(question("bosch-tps110", "00")) == {"occupancy": "vacant"}
    assert ask(question("bosch-tps110", "002702", port=4)) == {"occupancy": None}


def test_readings_of_the_past_have_their_time() -> None:
    assert ask(question("nwave-nps405-legacy", "01")) == {
        "occupancy": "vacant",
        "past": [{"occupancy": "occupied", "at": "2026-11-23T11:59:00Z"}],
    }


def test_all_fields_of_a_reading_have_a_json_form() -> None:
    reading = Reading(occupancy=Occupancy.VACANT, at=conformance.NOON, tamper=False, past=(Reading(counter=1),))
    assert as_json(reading) == {
        "occupancy": "vacant",
        "at": "2026-11-23T12:00:00Z",
        "tamper": False,
        "past": ({"counter": 1},),
    }


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_is_found_by_its_usual_name(device: str) -> None:
    """Without an option, because the bare name stands for the documented layout when a frame is inspected."""
    answered = ask(question(device, "ff", port=255))
    assert "needs the option" not in answered.get("undecodable", "")
    assert "no codec" not in answered.get("undecodable", "")


@pytest.mark.parametrize(
    ("options", "occupancy"),
    [
        ({}, None),
        (None, None),
        ({"occupied_below_mm": 1500}, "occupied"),
        ({"occupied_below_mm": "1500"}, "occupied"),
        ({"occupied_below_mm": 1500.0}, "occupied"),
        ({"occupied_below_mm": 900, "vacant_above_mm": 950}, "vacant"),
    ],
)
def test_options_are_text_or_numbers(options: object, occupancy: str | None) -> None:
    answered = ask(question("dragino-ldds75", "0ce403e800000001", port=2, options=options))
    assert answered["occupancy"] == occupancy
    assert answered["distance_mm"] == 1000


def test_true_is_not_one() -> None:
    """In Python, True equals 1. A codec that was bound with one must not be used for the other."""
    frame = "0ce403e800000001"
    assert ask(question("dragino-ldds75", frame, port=2, options={"occupied_below_mm": 1}))["occupancy"] == "vacant"
    refused = ask(question("dragino-ldds75", frame, port=2, options={"occupied_below_mm": True}))
    assert "cannot be 'true', only a whole number" in refused["undecodable"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "the line cannot be read: "),
        (b"\n", "the line cannot be read: "),
        (b"{", "the line cannot be read: "),
        (b"[]", "the line cannot be read: "),
        (b"\xff\xfe", "the line cannot be read: "),
        (b'{"codec": "\xff", "fPort": 1, "hex": "01"}', "the line cannot be read: "),
        (b'{"codec": "x", "fPort": 1, "hex": "01", "more": ' + b"[" * 100_000, "the line cannot be read: "),
        ({"fPort": 1, "hex": "01"}, "missing required field `codec`"),
        ({"codec": "bosch-tps110", "hex": "01"}, "missing required field `fPort`"),
        ({"codec": "bosch-tps110", "fPort": 1}, "missing required field `hex`"),
        ({"codec": "bosch-tps110", "fPort": "1", "hex": "01"}, "Expected `int`, got `str`"),
        (question("bosch-tps110", "01", options=[]), "Expected `object | null`, got `array`"),
        (question("bosch-tps110", "01", options={"firmware": None}), "got `null`"),
        (question("bosch-tps110", "01", options={"firmware": "v1"}), "firmware cannot be 'v1', only v029 or v039"),
        (question("bosch-tps110", "01", port=0), "port 0 carries MAC commands"),
        (question("bosch-tps110", "01", port=256), "a port is 1 to 255, not 256"),
        (question("bosch-tps110", "01", port=-1), "a port is 1 to 255, not -1"),
        (question("bosch-tps110", "01", port=10**30), "a port is 1 to 255, not 1000"),
        (question("bosch-tps110", ""), "the payload is empty"),
        (question("bosch-tps110", "0"), "'0' is not hexadecimal"),
        (question("bosch-tps110", "0g"), "'0g' is not hexadecimal"),
        (question("bosch-tps110", "é1"), "is not hexadecimal"),
        (question("bosch-tps110", "0101"), "no message on port 1 has 2 bytes"),
        (question("nwave-nps311", "01"), "did you mean nwave_nps310?"),
        (question("", "01"), "no name of a codec"),
        (question("libelium-smart-parking", "01"), "needs the option line (fw1 or fw2 or sp2)"),
    ],
)
def test_a_line_that_cannot_be_decoded_names_the_cause(line: object, reason: str) -> None:
    answered = ask(line)
    assert answered.keys() == {"undecodable"}
    assert reason in answered["undecodable"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return 1 / 0", "codec failed: ZeroDivisionError: division by zero"),
        ("raise ValueError('\\udcff')", "codec failed: ValueError: \\udcff"),
        ("return Reading(counter=object())", "codec failed: counter has the type object, not int"),
        ("pass", "codec failed: decode returned NoneType, not Reading"),
    ],
)
def test_a_broken_codec_has_an_output_line_too(tmp_path: Path, body: str, reason: str) -> None:
    (tmp_path / "guest.py").write_text(
        "from decoders import Device, Reading\n"
        'DEVICE = Device(vendor="A", model="B", ports=())\n'
        f"def decode(frame):\n    {body}\n"
    )
    assert ask(question("guest", "01"), folder=tmp_path)["undecodable"].startswith(reason)


def test_a_codec_that_maps_an_object_receives_it(tmp_path: Path) -> None:
    (tmp_path / "guest.py").write_text(
        "from decoders import Device, Reading\n"
        'DEVICE = Device(vendor="A", model="B", ports=())\n'
        'def decode(frame):\n    return Reading(counter=frame.object["count"])\n'
    )
    assert ask(question("guest", "01", object={"count": 7}), folder=tmp_path) == {"occupancy": None, "counter": 7}
    assert "codec failed" in ask(question("guest", "01"), folder=tmp_path)["undecodable"]


@given(st.binary(max_size=200))
def test_any_bytes_have_one_output_line(line: bytes) -> None:
    ask(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {
            "codec": st.sampled_from(codecs.names()) | json_values,
            "fPort": st.integers(0, 300) | json_values,
            "hex": st.binary(max_size=60).map(bytes.hex) | json_values,
        },
        optional={
            "options": st.dictionaries(
                st.sampled_from(["layout", "line", "port", "occupied_below_mm", "vacant_above_mm"]),
                json_values,
                max_size=2,
            )
            | json_values
        },
    )
)
def test_any_json_line_has_one_output_line(any_question: dict[str, Any]) -> None:
    """A reading always has the field occupancy, which may be None."""
    answered = ask(any_question)
    assert answered.keys() == {"undecodable"} or answered["occupancy"] in {"occupied", "vacant", None}


def test_hexadecimal_digits_may_stand_apart() -> None:
    frame = frame_of(port=85, text=" 01 75 5C\n", received_at=conformance.NOON)
    assert (frame.port, frame.payload, frame.received_at) == (85, b"\x01\x75\x5c", conformance.NOON)


def test_a_long_wrong_payload_is_cut_in_the_message() -> None:
    with pytest.raises(BadFrame) as refusal:
        frame_of(port=1, text="x" * 10_000, received_at=conformance.NOON)
    assert len(str(refusal.value)) < 150
