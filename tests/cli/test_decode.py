"""`decode` and `decoders list`, as a person or a script runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parking_gateway.cli import app
from parking_gateway.decoding import codecs
from tests.events import OCCUPIED, up


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(app, arguments, input=given, catch_exceptions=False)


def test_a_frame_is_read_and_its_bits_are_explained() -> None:
    shown = run("decode", "bosch-tps110-v029", "--port", "2", "01f4")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert "occupancy            occupied" in lines
    assert "temperature_celsius  -12" in lines
    assert "0\t01\t00000001\tbit 0: occupancy (else vacant)" in lines
    assert "1\tf4\t11110100\tbits 7-0: temperature_celsius" in lines


def test_digits_may_stand_apart_and_options_are_taken() -> None:
    shown = run(
        "decode", "dragino_ldds75", "--port", "2", "--option", "occupied_below_mm=1500", "0ce4 03e8", "0000 0001"
    )
    assert "occupancy            occupied" in shown.stdout
    assert "occupied_below_mm" not in shown.stdout


def test_a_status_that_is_not_0_is_found_in_its_byte() -> None:
    shown = run("decode", "netvox-r719a", "--port", "6", "0159012403000000000000")
    assert "as a whole: occupancy (else vacant)" in shown.stdout


def test_a_distance_alone_is_shown_with_what_is_missing() -> None:
    shown = run("decode", "dragino_ldds75", "--port", "2", "0ce403e800000001")
    assert "occupancy            not reported" in shown.stdout
    assert "without the option occupied_below_mm there is no occupancy" in shown.stdout


def test_what_decode_assumes_is_shown() -> None:
    """An installation has to choose the option, so a person must not take the assumption for the rule."""
    shown = run("decode", "nwave-nps405", "--port", "1", "01")
    assert "Decoded with layout=current, an assumption of `decode` only" in shown.stdout
    assert "assumption" not in run("decode", "nwave-nps405", "--port", "1", "01", "--option", "layout=legacy").stdout
    assert "assumption" not in run("decode", "nwave-nps405-legacy", "--port", "1", "01").stdout


def test_past_readings_are_lines_of_their_own() -> None:
    shown = run("decode", "dragino_dds75_lb", "--port", "3", "0ce40320 00fa 41 6b042a66")
    assert "past       at 2026-11-23T11:58:30Z, battery_volts 3.3" in shown.stdout


def test_json_is_the_answer_with_its_bits() -> None:
    document = json.loads(run("decode", "bosch-tps110", "--port", "1", "--json", "01").stdout)
    assert document == {"occupancy": "occupied", "bits": [{"byte": 0, "bit": 0, "becomes": {"occupancy": "vacant"}}]}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("bosch", "--port", "1", "01"), "no codec is named bosch; did you mean bosch_tps110?"),
        (("nwave-nps311", "--port", "1", "01"), "did you mean nwave_nps310?"),
        (("bosch-tps110", "--port", "1", "0101"), "bosch_tps110 cannot read it: no message on port 1 has 2 bytes"),
        (("bosch-tps110", "--port", "1", "0g"), "'0g' is not hexadecimal"),
        (("bosch-tps110", "--port", "1", ""), "the payload is empty"),
        (("bosch-tps110", "--port", "256", "01"), "a port is 1 to 255, not 256"),
        (("bosch-tps110", "--port", "0", "01"), "port 0 carries MAC commands"),
        (("bosch-tps110", "--port", "1"), "A frame has a codec, a port and a payload"),
        (("bosch-tps110", "01"), "A frame has a codec, a port and a payload"),
        (
            ("bosch-tps110", "--port", "1", "--option", "firmware", "01"),
            "--option must be name=value, not 'firmware'",
        ),
        (("bosch-tps110", "--port", "1", "--option", "firmware=v1", "01"), "only v029 or v039"),
        (("bosch-tps110", "--port", "1", "--option", "firmwear=v029", "01"), "did you mean firmware?"),
        (("-", "--port", "1"), "leave them out"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    refused = run("decode", *arguments)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_refused_frame_is_json_where_json_was_asked_for() -> None:
    refused = run("decode", "bosch-tps110", "--port", "1", "--json", "0101")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout) == {"undecodable": "no message on port 1 has 2 bytes"}


def test_a_payload_may_be_base64_as_chirpstack_shows_it() -> None:
    assert (
        "occupancy            occupied" in run("decode", "bosch-tps110-v029", "--port", "2", "--base64", "AfQ=").stdout
    )
    refused = run("decode", "bosch-tps110", "--port", "1", "--base64", "A_Q")
    assert (refused.exit_code, refused.stderr.count("is not base64")) == (1, 1)


def test_a_whole_event_is_decoded_by_the_codec_of_its_tag_or_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file or from standard input, and else by the codec that is named."""
    file = tmp_path / "event.json"
    event = json.loads(up("a84041000181c061", OCCUPIED, at=0, f_cnt=0))
    file.write_text(json.dumps(event))
    assert "occupancy  occupied" in run("decode", "bosch_tps110", "--event", str(file)).stdout
    refused = run("decode", "--event", str(file))
    assert (refused.exit_code, "Nobody has chosen a codec" in refused.stderr) == (1, True)
    profile = event["deviceInfo"]["deviceProfileName"]
    monkeypatch.setenv("PARKING_GATEWAY_DECODERS__PROFILES", json.dumps({profile: "bosch_tps110"}))
    assert "occupancy  occupied" in run("decode", "--event", "-", given=file.read_text()).stdout
    event["deviceInfo"]["tags"] = {"codec": "bosch_tps110_v029"}
    shown = run("decode", "--event", "-", "--json", given=json.dumps(event))
    assert json.loads(shown.stdout)["occupancy"] == "occupied"


@pytest.mark.parametrize("given", ["", "{", "[]", '{"fPort": 1}'])
def test_what_is_no_event_is_one_sentence(given: str) -> None:
    refused = run("decode", "bosch_tps110", "--event", "-", given=given)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def test_lines_are_answered_in_order_one_for_one() -> None:
    """Every line has an answer, also a bad one and one without a line break. The exit status is 0."""
    lines = [
        '{"codec": "bosch-tps110", "fPort": 1, "hex": "01"}',
        "",
        "no JSON",
        '{"codec": "x", "fPort": 1, "hex": "01"}',
    ]
    answered = run("decode", "-", given="\n".join([*lines, lines[0]]))
    answers = [json.loads(line) for line in answered.stdout.splitlines()]
    assert answered.exit_code == 0
    assert answers[0] == answers[-1] == {"occupancy": "occupied"}
    assert [answer.keys() for answer in answers[1:-1]] == [{"undecodable"}] * 3


def test_no_line_no_answer() -> None:
    assert (run("decode", "-").exit_code, run("decode", "-").stdout) == (0, "")


def test_codecs_of_the_configured_folder_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_x1.py").write_text(
        "from decoders import Device, Reading\n"
        'DEVICE = Device(vendor="Acme", model="X1", ports=())\n'
        "def decode(frame, *, age: int):\n    return Reading(counter=age)\n"
    )
    monkeypatch.setenv("PARKING_GATEWAY_DECODERS__FOLDER", str(tmp_path))
    line = '{"codec": "acme-x1", "fPort": 1, "hex": "01", "options": {"age": 7}}'
    assert json.loads(run("decode", "-", given=line).stdout) == {"occupancy": None, "counter": 7}
    assert "counter    7" in run("decode", "acme-x1", "--port", "1", "--option", "age=7", "01").stdout
    assert "\nacme_x1\tAcme\tX1\tany\tage*\t-\t-\n" in run("decoders", "list").stdout


def test_whoever_asks_one_question_at_a_time_is_answered_at_once() -> None:
    """No answer stays in a buffer, so a program can keep `decode -` running."""
    command = [sys.executable, "-m", "parking_gateway", "decode", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as decode:
        assert decode.stdin
        assert decode.stdout
        for payload, occupancy in [("01", "occupied"), ("00", "vacant")]:
            decode.stdin.write(json.dumps({"codec": "bosch-tps110", "fPort": 1, "hex": payload}).encode() + b"\n")
            decode.stdin.flush()
            assert json.loads(decode.stdout.readline()) == {"occupancy": occupancy}
        decode.stdin.close()
        assert decode.wait(10) == 0


def test_every_codec_is_listed_with_what_it_needs() -> None:
    shown = run("decoders", "list").stdout.splitlines()
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in shown[1:]}
    assert list(rows) == [codec.name for codec in codecs.modules()]
    assert rows["bosch_tps110"] == [
        *("Bosch", "TPS110, Parking Lot Sensor", "1, 2, 3, 4, 5, 6, 7", "firmware", "1 d"),
        "bosch_tps110_v029, bosch_tps110_v039",
    ]
    assert rows["nwave_nps405"][3] == "layout*"
    assert rows["dragino_ldds75"][3:5] == ["occupied_below_mm, vacant_above_mm", "20 min"]


def test_the_list_is_json_for_scripts() -> None:
    document = {codec["codec"]: codec for codec in json.loads(run("decoders", "list", "--json").stdout)}
    assert document["nwave_nps405"] == {
        "codec": "nwave_nps405",
        "version": codecs.find("nwave_nps405").version,
        "vendor": "Nwave",
        "model": "NPS405 SM, NPS405 FM",
        "ports": [1, 2, 3, 6, 10],
        "measures_distance": False,
        "measures": {
            "temperature_celsius": {"lowest": -40, "highest": 85, "errors": []},
            "battery_volts": {"lowest": 2.5, "highest": 3.52, "errors": []},
        },
        "channels": [],
        "commands": {},
        "heartbeat_seconds": None,
        "options": [{"name": "layout", "allowed": "current or legacy", "required": True}],
        "lines": {
            "nwave_nps405": {"layout": "current"},
            "nwave_nps405_current": {"layout": "current"},
            "nwave_nps405_legacy": {"layout": "legacy"},
        },
    }
