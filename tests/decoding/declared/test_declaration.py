"""The TOML of a declared codec. Each mistake is one sentence with its place."""

from pathlib import Path

import pytest

from parking_gateway.decoding import codecs
from parking_gateway.decoding.declared import Unusable, declaration
from tests.decoding.declared.conftest import Declare

GOOD = """
vendor = "Acme"
model = "X"
ports = { 1 = [2, "4-6"], 20 = ["1-242"] }
[reading]
occupancy = { path = "a.0.b", occupied = [1, "1", true], vacant = [0, "0", false], none = [-1, 2.5] }
battery_volts = { path = "v", factor = 0.001, offset = -1 }
"""


def read(folder: Path, toml: str | bytes) -> declaration.Declaration:
    file = folder / "acme.toml"
    file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return declaration.read(file)


def test_a_declaration_is_read(tmp_path: Path) -> None:
    """1, "1" and true are different values."""
    declared = read(tmp_path, GOOD)
    assert declared.sizes() == {1: frozenset({2, 4, 5, 6}), 20: frozenset(range(1, 243))}
    assert list(declared.reading.by_field()) == ["occupancy", "battery_volts"]


@pytest.mark.parametrize(
    ("written", "instead", "why"),
    [
        ('vendor = "Acme"', "", "missing required field `vendor`"),
        ('vendor = "Acme"', "vendor = 7", "Expected `str`, got `int` - at `$.vendor`"),
        ('vendor = "Acme"', 'vendor = ""', "at `$.vendor`"),
        ('model = "X"', 'modell = "X"', "`modell`"),
        ('model = "X"', 'model = "X"\nheartbeat = "8 hours"', "at `$.heartbeat`"),
        ("[reading]", "[readings]", "`readings`"),
        ("[2,", "[0,", 'a size is 1 to 242 bytes or two such numbers like "4-51", not 0 - at `$.ports.1`'),
        ("[2,", "[243,", "not 243 - at `$.ports.1`"),
        ("[2,", "[2.5,", "at `$.ports[...][0]`"),
        ('"4-6"', '"6-4"', "not '6-4' - at `$.ports.1`"),
        ('"4-6"', '"4-"', "not '4-' - at `$.ports.1`"),
        ('"4-6"', '"any"', "not 'any' - at `$.ports.1`"),
        ("1 = [2,", "0 = [2,", "a port is 1 to 255, not '0' - at `$.ports`"),
        ("1 = [2,", "256 = [2,", "a port is 1 to 255, not '256' - at `$.ports`"),
        ("1 = [2,", "01 = [2,", "a port is 1 to 255, not '01' - at `$.ports`"),
        ("1 = [2,", "up = [2,", "a port is 1 to 255, not 'up' - at `$.ports`"),
        (
            '{ 1 = [2, "4-6"], 20 = ["1-242"] }',
            "{}",
            "at least one port is needed, and each port needs the sizes of its payloads - at `$.ports`",
        ),
        ('[2, "4-6"]', "[]", "each port needs the sizes of its payloads"),
        ('[2, "4-6"]', "2", "Expected `array`, got `int`"),
        ('path = "a.0.b", ', "", "missing required field `path` - at `$.reading.occupancy`"),
        ('"a.0.b"', '""', "at `$.reading.occupancy.path`"),
        ('"a.0.b"', '"a..b"', "at `$.reading.occupancy.path`"),
        ('"a.0.b"', '"a.b."', "at `$.reading.occupancy.path`"),
        ('"a.0.b"', f'"{".".join("a" * 17)}"', "at `$.reading.occupancy.path`"),
        ('"a.0.b"', '["a", 0, "b"]', "Expected `str`, got `array` - at `$.reading.occupancy.path`"),
        (", vacant = [0", ", free = [0", "`free`"),
        (', vacant = [0, "0", false]', "", "missing required field `vacant` - at `$.reading.occupancy`"),
        ('[1, "1", true]', "[]", "at `$.reading.occupancy.occupied`"),
        ('[1, "1", true]', "true", "at `$.reading.occupancy.occupied`"),
        ('[1, "1", true]', "[[1]]", "at `$.reading.occupancy.occupied[0]`"),
        ('[1, "1", true]', "[2026-11-23]", "at `$.reading.occupancy.occupied[0]`"),
        ("[-1, 2.5]", "[1.0]", "has two meanings - at `$.reading.occupancy`"),
        ('[1, "1", true]', "[false]", "False has two meanings - at `$.reading.occupancy`"),
        ("battery_volts", "battery_volt", "`battery_volt`"),
        ("battery_volts", "past", "`past`"),
        ("factor = 0.001", "factor = 0", "a factor must not be 0, and factor and offset must be finite"),
        ("factor = 0.001", "factor = nan", "a factor must not be 0, and factor and offset must be finite"),
        ("offset = -1", "offset = inf", "a factor must not be 0, and factor and offset must be finite"),
        (
            "offset = -1",
            "range = [4, 2]",
            "a range is two numbers from 0 to 100, the lower first - at `$.reading.battery_volts`",
        ),
        ("offset = -1", "range = [2, 400]", "a range is two numbers from 0 to 100"),
        ("offset = -1", "range = [2]", "at `$.reading.battery_volts.range`"),
        ("offset = -1 }", 'offset = -1 }\nat = { path = "t", range = [1, 2] }', "at has no range"),
        ("factor = 0.001", 'factor = "0.001"', "at `$.reading.battery_volts.factor`"),
        ("factor = 0.001", 'unit = "mV"', "`unit`"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, written: str, instead: str, why: str) -> None:
    assert written in GOOD
    with pytest.raises(Unusable) as mistake:
        read(tmp_path, GOOD.replace(written, instead, 1))
    assert str(mistake.value).startswith("acme.toml: ")
    assert why in str(mistake.value)
    assert "\n" not in str(mistake.value)


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("", "missing required field `vendor`"),
        ("vendor = ", "acme.toml: "),
        ("vendor: Acme", "acme.toml: "),
        (b"vendor = '\xff'", "acme.toml: 'utf-8' codec"),
        ('vendor = "A"\nmodel = "X"\nports = { 1 = [1] }\nreading = {}', "no field of a reading is declared"),
    ],
)
def test_a_file_that_is_no_declaration_is_refused(tmp_path: Path, toml: str | bytes, why: str) -> None:
    with pytest.raises(Unusable) as mistake:
        read(tmp_path, toml)
    assert why in str(mistake.value)


def test_a_mistake_is_found_when_the_codec_is_looked_up(tmp_path: Path) -> None:
    """Other codecs are still found. A script without a declaration is no codec."""
    (tmp_path / "acme.toml").write_text(GOOD.replace("path", "pfad", 1))
    (tmp_path / "alone.js").write_text("function decodeUplink() {}")
    (tmp_path / "fine.toml").write_text(GOOD)
    with pytest.raises(codecs.CodecNotFound, match=r"codec acme cannot be loaded: acme\.toml: .*`pfad`"):
        codecs.find("acme", dropins=tmp_path)
    with pytest.raises(codecs.CodecNotFound, match=r"codec alone cannot be loaded: alone\.js needs alone\.toml beside"):
        codecs.find("alone", dropins=tmp_path)
    assert "fine" in codecs.names(dropins=tmp_path)
    assert not {"acme", "alone"} & set(codecs.names(dropins=tmp_path))


def test_a_file_of_python_precedes_a_declaration(tmp_path: Path) -> None:
    """The vectors of a Python codec are a TOML file of the same name, which may be beside it."""
    (tmp_path / "acme.toml").write_text("[[vector]]\n")
    (tmp_path / "acme.py").write_text(
        "from decoders import Device, Reading\n"
        'DEVICE = Device(vendor="P", model="P", ports=())\n'
        "def decode(frame):\n    return Reading()\n"
    )
    assert codecs.find("acme", dropins=tmp_path).device.vendor == "P"


def test_a_declaration_does_not_replace_a_codec_of_ours(tmp_path: Path) -> None:
    (tmp_path / "nwave_nps310.toml").write_text(GOOD)
    assert codecs.find("nwave_nps310", dropins=tmp_path).device.vendor == "Nwave"


def test_a_file_that_cannot_be_read_is_refused(declare: Declare, tmp_path: Path) -> None:
    (tmp_path / "acme.js").mkdir()
    declare(None)  # a directory is no script
    (tmp_path / "acme.js").rmdir()
    (tmp_path / "acme.js").write_bytes(b"// \xff\nfunction decodeUplink() {}")
    with pytest.raises(Unusable, match=r"acme\.js is no text in UTF-8"):
        declare(None)
