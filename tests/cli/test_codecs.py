"""`codecs import` and `codecs test`, as a person or a script runs them."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from decoders import Frame, Occupancy
from decoders.conformance import NOON
from parking_gateway.cli import app
from parking_gateway.decoding import declared, importing
from parking_gateway.decoding.declared import javascript
from tests.decoding.importing import checkouts


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test machine may be busy. The time limit has tests of its own."""
    monkeypatch.setattr(javascript, "FRAME_SECONDS", 10)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return checkouts.the_things_network(tmp_path / "checkout")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "codecs").mkdir()
    return tmp_path / "codecs"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["codecs", *map(str, arguments)], catch_exceptions=False)


def test_a_proven_codec_is_installed_with_its_source_and_its_vectors(checkout: Path, folder: Path) -> None:
    done = run("import", checkout, "--device", "acme/bay-x1", "--yes", "--into", folder)
    assert done.exit_code == 0, done.output
    assert "Installed acme_bay_x1, with 3 vectors from the examples" in done.stdout
    imported = msgspec.toml.decode((folder / "acme_bay_x1.toml").read_bytes())["imported"]
    assert imported["repository"] == "TheThingsNetwork/lorawan-devices"
    assert imported["file"] == "vendor/acme/bay.js"
    assert imported["licence"] == "The Licence of Nobody Copyright 2026 (LICENSE)"
    assert len(imported["sha256"]) == 64
    reading = declared.load(folder / "acme_bay_x1.toml").decode(
        Frame(port=1, payload=b"\x01\xb4\x47", received_at=NOON)
    )
    assert (reading.occupancy, reading.battery_volts, reading.temperature_celsius) == (Occupancy.OCCUPIED, 3.6, 21)

    tested = run("test", folder)
    assert tested.exit_code == 0, tested.output
    assert tested.stdout.splitlines() == ["codec\tvectors\tresult", "acme_bay_x1\t4\tpasses"]


def test_a_changed_codec_fails_its_vectors(checkout: Path, folder: Path) -> None:
    run("import", checkout, "--device", "acme/bay-x1", "--yes", "--into", folder)
    script = folder / "acme_bay_x1.js"
    script.write_text(script.read_text().replace("=== 1,", "=== 0,"))
    tested = run("test", folder)
    assert tested.exit_code == 1
    assert "acme_bay_x1: a car: expected {'occupancy': 'occupied'" in tested.stderr
    assert "acme_bay_x1.js was changed after its import from TheThingsNetwork/lorawan-devices" in tested.stderr


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("bytes: [0, 180, 70] }", "bytes: [1, 180, 70] }", "3 of 4 examples give the published output"),
        ("occupied: false", "occupied: null", "3 of 4 examples give the published output"),
    ],
)
def test_what_is_not_proven_is_not_installed_unasked(
    checkout: Path, folder: Path, old: str, new: str, why: str
) -> None:
    codec = checkout / "vendor/acme/bay-codec.yaml"
    codec.write_text(codec.read_text().replace(old, new))
    done = run("import", checkout, "--device", "acme/bay-x1", "--yes", "--into", folder)
    assert done.exit_code == 1
    assert why in done.stderr
    assert list(folder.iterdir()) == []


def test_an_occupancy_of_one_example_needs_a_person(checkout: Path, folder: Path) -> None:
    codec = checkout / "vendor/acme/bay-codec.yaml"
    codec.write_text("\n".join(codec.read_text().splitlines()[:7]))
    refused = run("import", checkout, "--device", "acme/bay-x1", "--yes", "--into", folder)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == (
        "acme/bay-x1 is not installed: occupied is no proven occupancy: examples show only occupied (true)."
    )
    source = 'occupancy = { path = "occupied", occupied = [true], vacant = [false] }'
    done = run(
        "import", checkout, "--device", "acme/bay-x1", "--yes", "--into", folder, "--map", source, "--port", "1=3-5"
    )
    assert done.exit_code == 0, done.output
    assert '1 = ["3-5"]' in (folder / "acme_bay_x1.toml").read_text()
    assert "acme_bay_x1: no vector is vacant" in run("test", folder).stderr


def test_nobody_can_confirm_in_a_pipe(checkout: Path, folder: Path) -> None:
    done = run("import", checkout, "--device", "acme/bay-x1", "--into", folder)
    assert done.exit_code == 1
    assert done.stderr == "Nobody can confirm a mapping here: --yes installs what the examples prove.\n"


def test_a_person_changes_and_confirms_the_mapping(checkout: Path, folder: Path) -> None:
    ours, its = pty.openpty()
    command = ["codecs", "import", str(checkout), "--device", "acme/bay-x1", "--into", str(folder)]
    process = subprocess.Popen([sys.executable, "-m", "parking_gateway", *command], stdin=its, stdout=its, stderr=its)
    os.close(its)
    os.write(ours, b"temperature_celsius = none\n1 = 3,7\nyes\n")
    written = b""
    with suppress(OSError):  # the end of a terminal
        while data := os.read(ours, 65_536):
            written += data
    os.close(ours)
    assert process.wait(30) == 0, written.decode()
    shown = " ".join(written.decode().split())
    assert "4 of 4 examples give the published output" in shown
    assert "examples show occupied (true) and vacant (false)" in shown
    declaration = (folder / "acme_bay_x1.toml").read_text()
    assert "temperature" not in declaration
    assert "1 = [3, 7]" in declaration


def test_a_codec_that_exists_is_replaced_only_by_wish(checkout: Path, folder: Path) -> None:
    arguments = ("import", checkout, "--device", "acme/bay-x1", "--yes", "--into", folder)
    assert run(*arguments).exit_code == 0
    assert "exists already: --replace replaces it, and --name chooses another name" in run(*arguments).stderr
    assert run(*arguments, "--replace").exit_code == 0
    assert run(*arguments, "--name", "acme-two").exit_code == 0
    assert (folder / "acme_two.toml").exists()


def test_a_name_of_ours_gets_the_repository_behind_it(tmp_path: Path, folder: Path) -> None:
    root = checkouts.chirpstack(tmp_path / "checkout")
    (root / "vendors/acme").rename(root / "vendors/bosch")
    (root / "vendors/bosch/devices/bay-x1.toml").rename(root / "vendors/bosch/devices/tps110.toml")
    assert run("import", root, "--device", "bosch/tps110", "--yes", "--into", folder).exit_code == 0
    assert (folder / "bosch_tps110_chirpstack.toml").exists()
    taken = run("import", root, "--device", "bosch/tps110", "--yes", "--into", folder, "--name", "bosch-tps110")
    assert "the gateway has a codec bosch_tps110 itself" in taken.stderr


def test_all_parking_installs_what_is_proven_and_says_why_not(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = checkouts.actility(tmp_path / "checkout")
    done = run("import", root, "--all-parking", "--yes", "--into", folder)
    assert done.exit_code == 0, done.output
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[1:3] == [
        ["acme/old", "-", "-", "occupied is no proven occupancy: examples show only occupied (true)"],
        ["acme/sonar-2", "acme_sonar_2", "1", "-"],
    ]
    declaration = (folder / "acme_sonar_2.toml").read_text()
    assert 'distance_mm = { path = "distance", text = true, range = [20, 10000] }' in declaration
    assert "received_at = 2026-01-01T00:00:00+00:00" in (folder / "vectors/acme_sonar_2.toml").read_text()
    assert "The range of a distance is an assumption" in done.stdout
    monkeypatch.setenv("PARKING_GATEWAY_DECODERS__FOLDER", str(folder))
    tested = run("test")
    assert tested.exit_code == 0, tested.output


def test_the_list_has_every_device_and_what_it_gives(checkout: Path) -> None:
    shown = run("import", checkout, "--list", "--json")
    assert json.loads(shown.stdout) == [
        {
            "device": "acme/bay-x1",
            "title": "Bay X1",
            "script": "vendor/acme/bay.js",
            "examples": 4,
            "as_published": 4,
            "gives": "occupancy",
            "proven": True,
            "of_use": "described with 'parking', and its examples have an occupancy",
        }
    ]
    assert "acme/bay-x1\tBay X1\t4\t4\toccupancy\tyes" in run("import", checkout, "--list").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Choose what to import: --device VENDOR/MODEL, --all-parking, or --list to see what there is."),
        (("--device", "acme/bay-x2"), "did you mean bay-x1?"),
        (("--device", "acme/bay-x1", "--yes"), "decoders.folder is not set"),
        (("--device", "acme/bay-x1", "--yes", "--into", "nowhere"), "nowhere is no folder: make it"),
        (("--device", "acme/bay-x1", "--map", "ocupancy = {}"), "did you mean occupancy?"),
        (("--device", "acme/bay-x1", "--map", "occupancy = { path = 1 }"), "is no source of occupancy"),
        (("--device", "acme/bay-x1", "--port", "300=4"), "'300=4' gives no sizes of payloads"),
        (("--device", "acme/bay-x1", "--port", "85"), "'85' gives no sizes of payloads"),
        (("--device", "acme/bay-x1", "--name", "9 lives", "--yes", "--into", "."), "is no name of a codec"),
    ],
)
def test_a_wrong_wish_is_a_sentence(checkout: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("import", checkout, *arguments)
    assert done.exit_code == 1
    assert sentence in done.output


def test_a_checkout_is_tested_with_its_share_and_every_difference(checkout: Path) -> None:
    good = run("test", checkout)
    assert good.exit_code == 0
    assert good.stdout.splitlines()[-1] == (
        "4 of 4 uplink examples give the published output: 100.00 %. 1 codec, 0 without examples."
    )
    script = checkout / "vendor/acme/bay.js"
    script.write_text(script.read_text().replace("- 50", "- 49"))
    bad = run("test", checkout)
    assert bad.exit_code == 1
    assert "vendor/acme/bay.js\ta car\tdata.temperature is 22, published is 21" in bad.stdout
    assert "2 of 4 uplink examples give the published output: 50.00 %" in bad.stdout
    assert run("test", checkout, "--at-least", "50").exit_code == 0
    assert json.loads(run("test", checkout, "--json").stdout)["percent"] == 50


def test_every_kind_of_codec_of_a_folder_is_tested(folder: Path) -> None:
    (folder / "bosch_tps110.toml").write_text("")
    (folder / "acme_broken.js").write_text("function decodeUplink() {}")
    (folder / "acme_object.toml").write_text(
        'vendor = "Acme"\nmodel = "X"\nports = { 1 = [1] }\nreading = { distance_mm = { path = "far" } }\n'
    )
    tested = run("test", folder, "--json")
    assert tested.exit_code == 1
    broken, remarked, hidden = json.loads(tested.stdout)
    (mistake,) = broken["mistakes"]
    assert "acme_broken.js needs acme_broken.toml beside it" in mistake
    assert remarked["mistakes"] == []
    assert remarked["remarks"] == [
        "the range of its distance is not declared, so error values may be read as distances",
        "it has no vectors: write vectors/acme_object.toml, see docs/how-to/decoders.md",
    ]
    assert hidden["mistakes"] == [
        "the gateway has a codec of that name itself, which is used instead: rename the files"
    ]


def test_a_folder_without_codecs_is_no_checkout(folder: Path) -> None:
    done = run("test", folder)
    assert done.exit_code == 1
    assert "none of the known layouts" in done.stderr


def test_a_test_without_a_folder_says_what_to_give() -> None:
    done = run("test")
    assert done.exit_code == 1
    assert done.stderr == "decoders.folder is not set: give the PATH of a checkout or of a folder of codecs.\n"


def test_a_missing_library_is_one_sentence(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(importing, "yaml_core", raising=False)
    monkeypatch.delitem(sys.modules, "parking_gateway.decoding.importing.yaml_core", raising=False)
    monkeypatch.setitem(sys.modules, "yaml", None)
    done = run("test", checkout)
    assert done.exit_code == 1
    assert done.stderr == (
        "yaml is not installed, which reads the files of a checkout: install parking-gateway[javascript].\n"
    )
