"""The unit file, checked by systemd itself."""

import configparser
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from parking_gateway.process.config import Config

UNIT = Path(__file__).parents[2] / "systemd" / "parking-gateway.service"

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A copy with a program that every machine has, because the real one is not installed."""
    program = shutil.which("true")
    assert program is not None
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"(?m)^ExecStart=.*$", f"ExecStart={program}", UNIT.read_text()))
    return copy


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


def test_the_times_fit_the_defaults() -> None:
    """The time is enough for an orderly stop, and a slow task does not starve the watchdog."""
    config = Config()
    assert seconds(service()["TimeoutStopSec"]) >= 2 * config.gateway.stop_timeout
    assert seconds(service()["WatchdogSec"]) > 2 * config.telemetry.stalled_after
    assert service()["TimeoutStartSec"] == "infinity"


def test_a_bad_configuration_is_not_tried_again() -> None:
    assert service()["Restart"] == "on-failure"
    assert service()["RestartPreventExitStatus"] == "78"
