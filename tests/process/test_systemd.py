"""The files for systemd, checked by systemd itself."""

import configparser
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from parking_gateway.process.config import Config

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "parking-gateway.service"
TEMPLATE = FOLDER / "parking-gateway@.service"

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture(params=[UNIT, TEMPLATE], ids=["service", "template"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy with a program that every machine has, because the real one is not installed."""
    program = shutil.which("true")
    assert program is not None
    file: Path = request.param
    (tmp_path / file.name).write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={program}", file.read_text()))
    return tmp_path / file.name.replace("@", "@north")


def service() -> configparser.SectionProxy:
    # Of a setting that is given twice, only the last one is read. None of the settings below is given twice.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(UNIT)
    return parser["Service"]


def seconds(text: str) -> timedelta:
    if text.endswith("min"):
        return timedelta(minutes=int(text.removesuffix("min")))
    return timedelta(seconds=int(text))


@analyze
def test_systemd_finds_nothing_to_complain_about(unit: Path) -> None:
    result = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@analyze
def test_little_is_exposed(unit: Path) -> None:
    """At most 1.5 on systemd's scale from 0 to 10."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in result.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert result.returncode == 0, result.stdout
    exposure = re.search(r"Overall exposure level for .*: ([\d.]+)", result.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 1.5


def test_the_template_differs_only_in_what_each_gateway_has_of_its_own() -> None:
    """Its configuration, name, client id, state and credentials."""
    of_one = TEMPLATE.read_text().replace("/%i.toml", "/config.toml").replace("/%i", "").replace(" %i:", ":")
    own = [line for line in of_one.splitlines() if line not in UNIT.read_text().splitlines()]
    assert [line for line in own if not line.startswith("#")] == [
        "Environment=PARKING_GATEWAY_MQTT__CLIENT_ID=parking-gateway-%i PARKING_GATEWAY_GATEWAY__INSTANCE=%i"
    ]
    assert [line for line in UNIT.read_text().splitlines()[1:] if line not in of_one.splitlines()] == []


@analyze
def test_the_user_and_the_directories_are_made(tmp_path: Path) -> None:
    """In a root of its own, which has only the files of accounts."""
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "parking-gateway.sysusers")],
        check=True,
        capture_output=True,
    )
    name, _, user, group, about, home, shell = (tmp_path / "etc" / "passwd").read_text().strip().split(":")
    assert (name, about, home) == ("parking-gateway", "Parking gateway", "/var/lib/parking-gateway")
    assert shell == "/usr/sbin/nologin"
    subprocess.run(
        ["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(FOLDER / "parking-gateway.tmpfiles")],
        check=True,
        capture_output=True,
    )
    state = (tmp_path / "var/lib/parking-gateway").stat()
    assert (state.st_uid, state.st_gid, state.st_mode & 0o777) == (int(user), int(group), 0o700)
    assert (tmp_path / "etc/parking-gateway").stat().st_mode & 0o777 == 0o755


def test_the_times_fit_the_defaults() -> None:
    """The time is enough for an orderly stop, and a slow task does not starve the watchdog."""
    config = Config()
    assert seconds(service()["TimeoutStopSec"]) >= 2 * config.gateway.stop_timeout
    assert seconds(service()["WatchdogSec"]) > 2 * config.telemetry.stalled_after
    assert service()["TimeoutStartSec"] == "infinity"


def test_a_bad_configuration_is_not_tried_again() -> None:
    assert service()["Restart"] == "on-failure"
    assert service()["RestartPreventExitStatus"] == "78"
