"""Finding codecs by name, and binding them to the options of an installation."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Frame, Occupancy, Reading, dragino_ldds75
from parking_gateway.decoding import codecs

VACANT, OCCUPIED = Occupancy.VACANT, Occupancy.OCCUPIED
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

GUEST = '''
"""A guest's data sheet."""

from typing import Literal

from decoders import Device, Frame, Reading

DEVICE = Device(vendor="Acme", model="X1", ports=(), lines={"acme_x1_old": {"age": "3", "mode": "b"}})


def decode(
    frame: Frame, *, age: int, mode: Literal["a", "b"] = "a", level: float = 0.5, loud: bool = False, note: str = ""
) -> Reading:
    return Reading(counter=age, fault=f"{mode} {level} {loud} {note}")
'''


@pytest.fixture
def dropins(tmp_path: Path) -> Path:
    (tmp_path / "acme_x1.py").write_text(GUEST)
    return tmp_path


def frame(payload: str, port: int = 1) -> Frame:
    return Frame(port=port, payload=bytes.fromhex(payload), received_at=NOW)


def distance(millimetres: int) -> Frame:
    """Make a frame of an LDDS75, the plainest codec of a distance."""
    return frame(f"0dac {millimetres:04x} 00 0000 01", port=2)


# --- names


@pytest.mark.parametrize("name", ["nwave_nps310", "nwave-nps310", "Nwave-NPS310", " NWAVE_NPS310 "])
def test_letter_case_dashes_and_blanks_make_no_difference(name: str) -> None:
    assert codecs.find(name).name == "nwave_nps310"


def test_a_line_is_its_module_with_options_preset() -> None:
    line = codecs.find("bosch-tps110-v029")
    assert (line.name, line.module, line.presets) == ("bosch_tps110_v029", "bosch_tps110", {"firmware": "v029"})
    assert line.decode is codecs.find("bosch_tps110").decode


def test_the_longest_module_name_wins_over_a_line() -> None:
    """`moko_lw009_sm_pro` begins with `moko_lw009_sm`, and is another device."""
    assert codecs.find("moko_lw009_sm_pro").module == "moko_lw009_sm_pro"


def test_finding_one_codec_imports_no_other() -> None:
    """A gateway with one kind of sensor loads one codec."""
    script = (
        "import sys\n"
        "from parking_gateway.decoding import codecs\n"
        "codecs.find('bosch_tps110_v039')\n"
        "print(*sorted(name for name in sys.modules if name.startswith('decoders.') and '._' not in name))\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["decoders.bosch_tps110", "decoders.measuring", "decoders.readings"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nwave_nps311", "did you mean nwave_nps310?"),
        ("bosch", "did you mean bosch_tps110?"),
        ("tps110", "did you mean bosch_tps110?"),
        ("bosch_tps110_v999", "did you mean bosch_tps110_v"),
        ("qqq", "decoders list"),
        ("_milesight", "no name of a codec"),
        ("os.path", "no name of a codec"),
        ("../x", "no name of a codec"),
        ("", "no name of a codec"),
        ("a" * 101, "up to 100 letters"),
        ("conformance", "lacks DEVICE or decode"),
    ],
)
def test_an_unknown_name_is_not_found_and_the_message_helps(name: str, message: str) -> None:
    with pytest.raises(codecs.CodecNotFound) as refusal:
        codecs.find(name)
    assert message in str(refusal.value)


@given(st.text(max_size=40))
def test_any_name_is_found_or_refused(name: str) -> None:
    """Tags and files can contain any name."""
    try:
        codec = codecs.find(name)
    except codecs.CodecNotFound:
        return
    assert codec.name in codecs.names()


def test_names_are_codecs_and_lines_and_nothing_else() -> None:
    names = codecs.names()
    assert {"bosch_tps110", "bosch_tps110_v029", "milesight_em400_mud"} <= set(names)
    assert "conformance" not in names
    assert not any(name.startswith("_") for name in names)
    assert all(codecs.find(name).name == name for name in names)
    assert list(names) == sorted(names)


def test_modules_are_the_names_without_the_lines(dropins: Path) -> None:
    found = codecs.modules(dropins=dropins)
    assert [codec.name for codec in found] == [codec.module for codec in found] == sorted(c.name for c in found)
    lines = {line for codec in found for line in codec.device.lines}
    assert {codec.name for codec in found} | lines == set(codecs.names(dropins=dropins))


# --- where codecs come from


def test_a_file_of_the_drop_in_folder_is_a_codec(dropins: Path) -> None:
    codec = codecs.find("acme-x1", dropins=dropins)
    assert codec.device.vendor == "Acme"
    assert {"acme_x1", "acme_x1_old"} <= set(codecs.names(dropins=dropins))
    with pytest.raises(codecs.CodecNotFound):
        codecs.find("acme-x1")


def test_a_name_longer_than_a_file_may_have_is_not_found(dropins: Path) -> None:
    """Tags can have any length, and the file system must not raise."""
    with pytest.raises(codecs.CodecNotFound):
        codecs.find("a" * 300, dropins=dropins)


def test_a_drop_in_does_not_replace_a_codec_of_ours(dropins: Path) -> None:
    """A forgotten experiment must not replace a codec of ours."""
    (dropins / "nwave_nps310.py").write_text(GUEST)
    assert codecs.find("nwave_nps310", dropins=dropins).device.vendor == "Nwave"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("def decode(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def decode(frame, *, x: Missing): ...", "NameError"),
        ("DEVICE = 1\ndef decode(frame): ...", "lacks DEVICE or decode"),
        ("", "lacks DEVICE or decode"),
    ],
)
def test_a_broken_guest_is_not_found_and_others_are(dropins: Path, source: str, message: str) -> None:
    (dropins / "broken.py").write_text(source)
    with pytest.raises(codecs.CodecNotFound, match=message):
        codecs.find("broken", dropins=dropins)
    assert "acme_x1" in codecs.names(dropins=dropins)
    assert "broken" not in codecs.names(dropins=dropins)


def test_an_installed_entry_point_comes_first(tmp_path: Path) -> None:
    """A package can repair a codec of ours."""
    package = tmp_path / "acme-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        f"[{codecs.ENTRY_POINTS}]\nnwave-nps310 = decoders.dragino_ldds75\nacme_y2 = decoders.bosch_tps110\n"
    )
    program = (
        "from parking_gateway.decoding import codecs\n"
        "print(codecs.find('nwave_nps310').device.model, codecs.find('acme_y2').device.vendor, *codecs.names(), sep='\\n')"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert found[:2] == [dragino_ldds75.DEVICE.model, "Bosch"]
    assert "acme_y2" in found[2:]


# --- options


def test_a_codec_without_options_is_its_own_function() -> None:
    """A frame costs one call and no wrapper."""
    codec = codecs.find("nwave_nps310")
    assert codecs.bind(codec) is codec.decode


def test_options_are_converted_from_text(dropins: Path) -> None:
    codec = codecs.find("acme_x1", dropins=dropins)
    texts = {"age": "7", "mode": "b", "level": "1.5", "loud": "true", "note": "hm"}
    assert codecs.bind(codec, texts)(frame("00")) == Reading(counter=7, fault="b 1.5 True hm")
    assert codecs.bind(codec, {"age": "7"})(frame("00")) == Reading(counter=7, fault="a 0.5 False ")
    assert [option.name for option in codec.options if option.required] == ["age"]


def test_a_line_takes_the_options_that_it_does_not_set(dropins: Path) -> None:
    line = codecs.find("acme_x1_old", dropins=dropins)
    assert codecs.bind(line, {"note": "hm"})(frame("00")) == Reading(counter=3, fault="b 0.5 False hm")
    assert codecs.bind(line, {"mode": "b"})(frame("00")).counter == 3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "acme_x1",
            {},
            "acme_x1 needs the option age (a whole number), because no payload contains it, or use a name that sets it",
        ),
        ("acme_x1", {"age": "7.5"}, "age cannot be '7.5', only a whole number"),
        ("acme_x1", {"age": "7", "mode": "c"}, "mode cannot be 'c', only a or b"),
        ("acme_x1", {"age": "7", "loud": "perhaps"}, "loud cannot be 'perhaps', only true or false"),
        ("acme_x1", {"age": "7", "level": ""}, "level cannot be '', only a number"),
        ("acme_x1", {"age": "7", "note_": "x"}, "no option note_; did you mean note?"),
        ("acme_x1", {"age": "7", "frame": "x"}, "no option frame; it has age, mode, level, loud, note"),
        ("acme_x1_old", {"mode": "a"}, "the name itself sets mode=b, so the option cannot be 'a'"),
        ("nwave_nps310", {"layout": "current"}, "nwave_nps310 has no option layout; it has none"),
        ("nwave_nps310", {"occupied_below_mm": "1"}, "no option occupied_below_mm"),
        ("dragino_ldds75", {"occupied_below": "1"}, "did you mean occupied_below_mm?"),
        ("dragino_ldds75", {"occupied_below_mm": "1.5 m"}, "only a whole number"),
        ("dragino_ldds75", {"occupied_below_mm": "0"}, "must be more than 0"),
        ("dragino_ldds75", {"vacant_above_mm": "2000"}, "vacant_above_mm also needs occupied_below_mm"),
        ("dragino_ldds75", {"occupied_below_mm": "1500", "vacant_above_mm": "1499"}, "must not be less than"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_the_right_values(
    dropins: Path, name: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(codecs.BadOption) as refusal:
        codecs.bind(codecs.find(name, dropins=dropins), options)
    assert message in str(refusal.value)


def test_an_installation_has_to_choose_the_layout_that_a_firmware_changed() -> None:
    """The same byte is occupied in one layout and vacant in the other, so a default would be a guess."""
    codec = codecs.find("nwave-nps405")
    with pytest.raises(codecs.BadOption, match=r"option layout \(current or legacy\).*nwave_nps405_legacy"):
        codecs.bind(codec)
    assert codecs.bind(codec, {"layout": "legacy"})(frame("80")).occupancy is OCCUPIED
    assert codecs.bind(codecs.find("nwave-nps405-legacy"))(frame("01")).occupancy is VACANT
    assert codecs.bind(codecs.find("nwave-nps405-current"))(frame("01")).occupancy is OCCUPIED


def test_a_person_who_inspects_a_frame_gets_the_documented_layout() -> None:
    codec = codecs.find("nwave-nps405")
    assert codecs.bind_assuming(codec)(frame("01")).occupancy is OCCUPIED
    assert codecs.bind_assuming(codec, {"layout": "legacy"})(frame("01")).occupancy is VACANT
    assert codecs.bind_assuming(codecs.find("nwave-nps405-legacy"))(frame("01")).occupancy is VACANT


# --- distances


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {300: None, 1499: None, 1500: None, 3000: None}),
        ({"occupied_below_mm": "1500"}, {300: OCCUPIED, 1499: OCCUPIED, 1500: VACANT, 1501: VACANT, 3000: VACANT}),
        (
            {"occupied_below_mm": "1500", "vacant_above_mm": "1500"},
            {1499: OCCUPIED, 1500: None, 1501: VACANT},
        ),
        (
            {"occupied_below_mm": "1500", "vacant_above_mm": "1800"},
            {1499: OCCUPIED, 1500: None, 1800: None, 1801: VACANT},
        ),
    ],
)
def test_the_thresholds_turn_a_distance_into_an_occupancy(
    options: dict[str, str], expected: dict[int, Occupancy | None]
) -> None:
    """Between the two thresholds the reading has no occupancy, so the space keeps its state."""
    decode = codecs.bind(codecs.find("dragino_ldds75"), options)
    readings = {millimetres: decode(distance(millimetres)) for millimetres in expected}
    assert {millimetres: reading.occupancy for millimetres, reading in readings.items()} == expected
    assert all(reading.distance_mm == millimetres for millimetres, reading in readings.items())


def test_no_distance_is_no_occupancy() -> None:
    """An error value of the device is no car."""
    decode = codecs.bind(codecs.find("dragino_ldds75"), {"occupied_below_mm": "1500"})
    assert decode(distance(0)) == Reading(battery_volts=3.5, temperature_celsius=0, fault="no sensor")


def test_readings_of_the_past_get_an_occupancy_too() -> None:
    decode = codecs.bind(codecs.find("dragino_dds75_lb"), {"occupied_below_mm": "1500"})
    reading = decode(frame("0ce4 0320 00fa 41 6b042a66", port=3))
    assert reading.occupancy is None
    assert [past.occupancy for past in reading.past] == [OCCUPIED]


def test_an_occupancy_of_the_device_itself_is_kept(tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(
        "from decoders import Device, Occupancy, Reading\n"
        'DEVICE = Device(vendor="A", model="B", ports=(), measures_distance=True)\n'
        "def decode(frame):\n"
        "    return Reading(occupancy=Occupancy.VACANT, distance_mm=5)\n"
    )
    decode = codecs.bind(codecs.find("both", dropins=tmp_path), {"occupied_below_mm": "1500"})
    assert decode(frame("00")).occupancy is VACANT


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("Reading(distance_mm=900)", OCCUPIED),
        ("Reading(distance_mm=299)", None),
        ("Reading(distance_mm=5001)", None),
        ("Reading(distance_mm=4000)", None),
        ("Reading(distance_mm=900, tamper=True)", None),
        ("Reading(distance_mm=900, tamper=False)", OCCUPIED),
    ],
)
def test_a_careless_codec_frees_no_space(tmp_path: Path, reading: str, expected: Occupancy | None) -> None:
    """A codec from elsewhere may return a distance that its own `DEVICE` does not declare, or that of a tilted sensor."""
    (tmp_path / "careless.py").write_text(
        "from decoders import Device, Measured, Reading\n"
        "DISTANCE = Measured(lowest=300, highest=5000, errors=(4000,))\n"
        'DEVICE = Device(vendor="A", model="B", ports=(), measures_distance=True, measures={"distance_mm": DISTANCE})\n'
        f"def decode(frame):\n    return {reading}\n"
    )
    decode = codecs.bind(codecs.find("careless", dropins=tmp_path), {"occupied_below_mm": "1500"})
    assert decode(frame("00")).occupancy is expected


# --- commands


def test_a_command_is_the_port_and_the_bytes_of_a_downlink() -> None:
    codec = codecs.find("dragino_ldds75")
    assert codecs.downlink_of(codec, "Report-Interval", {"seconds": "1200"}) == (1, bytes.fromhex("010004b0"))


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        ("report_intervall", {}, "has no command report_intervall; did you mean report_interval?"),
        ("calibrate", {}, "has no command calibrate; it has report_interval, restart"),
        ("report_interval", {}, "report_interval needs the option seconds (a whole number)"),
        ("restart", {"hard": "1"}, "restart has no option hard, only none"),
        ("report_interval", {"seconds": "soon"}, "seconds cannot be 'soon', only a whole number"),
        ("report_interval", {"seconds": "0"}, "report_interval: seconds must be from 1 to 16777215, not 0"),
    ],
)
def test_a_command_that_cannot_be_sent_is_refused_with_what_is_possible(
    command: str, options: dict[str, str], why: str
) -> None:
    with pytest.raises(codecs.BadOption, match=re.escape(why)):
        codecs.downlink_of(codecs.find("dragino_ldds75"), command, options)


@pytest.mark.parametrize(
    ("codec", "command", "option", "lowest", "highest"),
    [
        *(
            (codec, command, option, lowest, highest)
            for codec in ("dingtek_do201", "dingtek_do202")
            for command, option, lowest, highest in (
                ("report_interval", "hours", 1, 168),
                ("detection_interval", "minutes", 1, 60),
                ("magnetic_threshold", "value", 1, 65_535),
                ("battery_threshold", "percent", 5, 99),
            )
        ),
        ("dingtek_do200", "report_interval", "hours", 1, 168),
        ("dingtek_do200", "magnetic_threshold", "value", 1, 255),
        ("dingtek_do200", "magnetic_interval", "seconds", 1, 60),
    ],
)
def test_a_value_that_the_encoder_of_the_vendor_refuses_is_not_sent(
    codec: str, command: str, option: str, lowest: int, highest: int
) -> None:
    found = codecs.find(codec)
    for value in (lowest, highest):
        codecs.downlink_of(found, command, {option: str(value)})
    for value in (lowest - 1, highest + 1):
        with pytest.raises(codecs.BadOption, match=f"{option} must be from {lowest} to {highest}, not {value}"):
            codecs.downlink_of(found, command, {option: str(value)})


def test_a_guest_has_no_commands(dropins: Path) -> None:
    with pytest.raises(codecs.BadOption, match="it has none"):
        codecs.downlink_of(codecs.find("acme_x1", dropins=dropins), "restart")
