"""The installation without extras: small, and one sentence names what an extra would add.

It is put together from the packages of this environment, which are pinned, so that the test needs no registry.
"""

import os
import re
import shutil
import subprocess
import venv
from collections.abc import Callable, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

MOST_PACKAGES = 26
"""Beside our own. pydantic-settings brings python-dotenv, else it would be 25 with our own."""
MOST_MEGABYTES = 90

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def needed(name: str, extras: frozenset[str], found: dict[str, Distribution]) -> dict[str, Distribution]:
    """All packages that an installation of this one brings, by name."""
    package = distribution(name)
    found[re.sub(r"[-_.]+", "-", name).lower()] = package
    for line in package.requires or ():
        requirement = Requirement(line)
        chosen = [{"extra": extra} for extra in ("", *extras)]
        if requirement.marker and not any(requirement.marker.evaluate(one) for one in chosen):
            continue
        if re.sub(r"[-_.]+", "-", requirement.name).lower() not in found or requirement.extras:
            needed(requirement.name, frozenset(requirement.extras), found)
    return found


PACKAGES = needed("parking-gateway", frozenset(), {})


@pytest.fixture(scope="module")
def installation(built_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and the packages that it needs."""
    folder = tmp_path_factory.mktemp("installation")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for name, package in PACKAGES.items():
        for file in () if name == "parking-gateway" else package.files or ():
            if ".." not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.locate(), site / file)
    with ZipFile(built_wheel) as archive:
        archive.extractall(site)
    return folder


@pytest.fixture(scope="module")
def run(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run `parking-gateway` of the installation."""
    home = tmp_path_factory.mktemp("home")

    def finished(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        settings: dict[str, str] = dict(environment or {})
        kept = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
        command = [str(installation / "bin/python"), "-P", "-m", "parking_gateway", *arguments]
        return subprocess.run(
            command, cwd=home, env=kept | settings, capture_output=True, text=True, check=False, timeout=60
        )

    return finished


def test_it_has_few_packages() -> None:
    assert len(PACKAGES) - 1 <= MOST_PACKAGES, sorted(PACKAGES)


def test_it_is_small(installation: Path) -> None:
    """With the compiled modules of its packages, which pip writes."""
    size = sum(file.stat().st_size for file in installation.rglob("*") if file.is_file() and not file.is_symlink())
    assert size <= MOST_MEGABYTES * 1_000_000


def test_it_runs_without_the_checkout(run: Run, installation: Path) -> None:
    assert run("version").returncode == 0
    listed = run("files", "list").stdout
    assert f"mosquitto/mosquitto.acl\t{installation}/" in listed


def test_the_sample_configuration_is_a_configuration(run: Run, tmp_path: Path) -> None:
    example = run("config-example")
    (tmp_path / "config.toml").write_text(example.stdout)
    # It names no database, because only the operator knows one.
    database = {"PARKING_GATEWAY_DATABASE__URL": "postgresql://parking@localhost/parking"}
    checked = run("check-config", "--config", str(tmp_path / "config.toml"), environment=database)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "settings", "extra"),
    [
        (["demo"], {}, "demo"),
        (["run"], {"DATABASE__URL": "embedded"}, "demo"),
        (["heal"], {"CHIRPSTACK__API_URL": "http://localhost:1", "CHIRPSTACK__API_KEY": "key"}, "heal"),
        (["reservations", "export"], {}, "calendars"),
        (
            ["alerts", "test"],
            {"ALERTS__WEBHOOKS": '["https://a"]', "ALERTS__WEBHOOK_SECRET": "0123456789abcdef"},
            "alerts",
        ),
    ],
)
def test_a_missing_extra_is_one_sentence(arguments: list[str], settings: dict[str, str], extra: str, run: Run) -> None:
    environment = {"PARKING_GATEWAY_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none"}
    environment |= {f"PARKING_GATEWAY_{key}": value for key, value in settings.items()}
    ended = run(*arguments, environment=environment)
    assert ended.returncode in (1, os.EX_CONFIG)
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert f"parking-gateway[{extra}]" in ended.stderr


def test_a_machine_without_time_zones_is_one_sentence(run: Run) -> None:
    ended = run("check-config", environment={"PYTHONTZPATH": ""})
    assert ended.returncode == os.EX_CONFIG
    assert re.fullmatch(r"This machine has no time zones\..*tzdata\n", ended.stderr)
