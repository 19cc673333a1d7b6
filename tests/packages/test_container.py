"""The image and the services beside it, as far as files can show: what they name is there, and fits the program."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from parking_gateway.cli.demo import brokers
from parking_gateway.process.config import KEYS
from parking_gateway.process.config.layers import CONFIG_VARIABLE, SECRETS_VARIABLE, variable
from tests.plugins.broker import NO_MOSQUITTO

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging" / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
KNOWN = {variable(key) for key in KEYS} | {CONFIG_VARIABLE, SECRETS_VARIABLE}


def instructions() -> list[tuple[str, str]]:
    """The name and the rest of each instruction of the Containerfile."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (FOLDER / "Containerfile").read_text()).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def settings() -> set[str]:
    """The variables of the gateway that image and services set."""
    image = {word.partition("=")[0] for name, rest in instructions() if name == "ENV" for word in shlex.split(rest)}
    services = {name for one in COMPOSE["services"].values() for name in one.get("environment", {})}
    return {name for name in image | services if name.startswith("PARKING_GATEWAY_")}


def test_every_variable_is_a_key() -> None:
    assert settings()
    assert settings() <= KNOWN


def test_what_is_copied_is_in_the_context() -> None:
    """All other files are kept out of it, so that neither passwords nor the environment of a checkout get into the image."""
    rules = (ROOT / ".dockerignore").read_text().split()
    sources = [
        word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    ]
    assert rules[0] == "*"
    assert {f"!{source.replace('parking_gateway-', '')}" for source in sources} == set(rules[1:])


def test_the_gateway_is_not_root() -> None:
    users = [rest for name, rest in instructions() if name == "USER"]
    assert users[-1] == "parking-gateway"


def test_the_commands_of_the_services_exist() -> None:
    commands = {tuple(one["command"]) for one in COMPOSE["services"].values() if "command" in one}
    commands |= {tuple(json.loads(rest)) for name, rest in instructions() if name == "CMD"}
    assert commands == {("migrate",), ("run",)}


def test_what_the_services_mount_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or "secrets" in source or (FOLDER / source).exists(), source


@pytest.mark.skipif(brokers.program_path("mosquitto_passwd") is None, reason=NO_MOSQUITTO)
def test_the_passwords_fit_together(tmp_path: Path) -> None:
    """Every user of the access rights has one, the database's is in its URL, and only the owner may enter the folder."""
    copy = tmp_path / "packaging" / "container"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("secrets*"))
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    programs = {"MOSQUITTO_PASSWD": "mosquitto_passwd", "MOSQUITTO_FILE": "secrets.new/mosquitto/passwords"}
    for _ in range(2):  # the second time, nothing changes
        subprocess.run([copy / "passwords"], env=os.environ | programs, check=True, capture_output=True)
    secrets = copy / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "database").read_text().strip() in (secrets / "database__url").read_text()
    hashed = dict(line.split(":") for line in (secrets / "mosquitto" / "passwords").read_text().splitlines())
    allowed = re.findall(r"(?m)^user (\S+)", (secrets / "mosquitto" / "parking.acl").read_text())
    assert set(allowed) <= set(hashed)
    assert all(one.startswith("$7$") for one in hashed.values())
    named = {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert named <= {file.name for file in secrets.iterdir()}
