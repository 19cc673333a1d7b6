"""A third-party package: its codec is found by its entry point, and our conformance suite runs on it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

PACKAGE = Path(__file__).parent / "acme_parking"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """Return a folder with the package, installed by `pip install`."""
    with TemporaryDirectory() as folder:
        source = shutil.copytree(PACKAGE, Path(folder) / "source", ignore=shutil.ignore_patterns("__pycache__"))
        target = Path(folder) / "site"
        options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
        subprocess.run(command, check=True)
        yield target


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Run a module in a process with the package, in a folder with its test and vectors."""
    for file in PACKAGE.glob("*acme_bay_x1.*"):
        if file.name != "acme_bay_x1.py":
            shutil.copy(file, tmp_path)

    def run_module(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(site)}
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
        )

    return run_module


def test_its_codec_is_found_by_name(run: Run) -> None:
    shown = run("parking_gateway", "decode", "acme-bay-x1", "--port", "1", "0124")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "acme_bay_x1: Acme Bay X1" in shown.stdout
    assert "occupancy      occupied" in shown.stdout


def test_it_is_listed_and_reads_lines_like_our_own(run: Run) -> None:
    listed = json.loads(run("parking_gateway", "decoders", "list", "--json").stdout)
    assert {"acme_bay_x1", "bosch_tps110"} <= {codec["codec"] for codec in listed}
    line = '{"codec": "acme_bay_x1", "fPort": 1, "hex": "0024"}'
    reading = json.loads(run("parking_gateway", "decode", "-", given=line).stdout)
    assert reading == {"occupancy": "vacant", "battery_volts": 3.6}


def test_the_conformance_suite_runs_on_it(run: Run) -> None:
    tested = run("pytest", "-q", "-p", "no:cacheprovider", "test_acme_bay_x1.py")
    assert tested.returncode == 0, tested.stdout
    assert "1 passed" in tested.stdout


def test_the_conformance_suite_complains_about_a_wrong_vector(run: Run, tmp_path: Path) -> None:
    """Without this, the pass above proves nothing."""
    vectors = tmp_path / "acme_bay_x1.toml"
    vectors.write_text(vectors.read_text().replace('"vacant"', '"occupied"'))
    tested = run("pytest", "-q", "-p", "no:cacheprovider", "test_acme_bay_x1.py")
    assert tested.returncode == 1
    assert "no vector is vacant" in tested.stdout
