"""`check-config`, `version` and `--help`, as a person or a script runs them."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperGroup
from typer.main import get_group
from typer.testing import CliRunner

from parking_gateway import __version__
from parking_gateway.cli import app
from parking_gateway.process.config import KEYS, Config, load
from parking_gateway.process.config.shown import without_password
from tests import forked


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`parking-gateway` in a process of its own, with no other configuration than these variables."""
    ours = ("PARKING_GATEWAY_", "CREDENTIALS_DIRECTORY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | variables
    return forked.run(*arguments, env=environment)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(
        """
        [mqtt]
        url = "mqtts://gateway:hunter2@broker.example.org"
        keepalive = 2.5
        [decoders.profiles]
        "My \\"EM310\\" ü" = "milesight_em310_udl"
        other = { codec = "milesight_em310_udl", options = { occupied_below_mm = 900 } }
        [database]
        url = "postgresql://parking:hunter2@db.example.org/parking"
        """,
        encoding="utf-8",
    )
    return file


def test_a_good_configuration_is_shown_as_toml(config_file: Path) -> None:
    """The output is the loaded configuration, apart from the hidden passwords."""
    result = run("check-config", "--config", str(config_file))
    assert (result.returncode, result.stderr) == (0, "")
    assert "hunter2" not in result.stdout
    shown = Config(**tomllib.loads(result.stdout)).model_dump(exclude={"mqtt": {"password"}, "database": {"url"}})
    assert shown == load(config_file).model_dump(exclude={"mqtt": {"password"}, "database": {"url"}})


def test_every_value_is_shown_with_its_origin(config_file: Path) -> None:
    result = run("check-config", PARKING_GATEWAY_CONFIG=str(config_file), PARKING_GATEWAY_MQTT__TIMEOUT="3")
    lines = result.stdout.splitlines()
    assert f"mqtt.keepalive = 2.5  # {config_file}" in lines
    assert "mqtt.timeout = 3  # PARKING_GATEWAY_MQTT__TIMEOUT" in lines
    assert 'mqtt.password = "********"  # mqtt.url' in lines
    assert "mqtt.receive_maximum = 2000  # default" in lines
    assert 'mqtt.ca_file = ""  # default' in lines
    assert f'database.url = "postgresql://parking:********@db.example.org/parking"  # {config_file}' in lines


def test_json_is_for_scripts(config_file: Path) -> None:
    result = run("check-config", "--json", "--config", str(config_file))
    document = json.loads(result.stdout)
    assert list(document) == [".".join(key) for key in KEYS]
    assert document["mqtt.keepalive"] == {"value": 2.5, "from": str(config_file)}
    assert document["mqtt.password"] == {"value": "********", "from": "mqtt.url"}
    assert document["mqtt.shared_group"] == {"value": None, "from": "default"}
    assert "hunter2" not in result.stdout


def test_mistakes_are_sentences_and_status_78(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[mqtt]\nkeepalive = 0\nulr = 1\n")
    for option in ([], ["--json"]):
        result = run("check-config", "--config", str(file), *option)
        assert (result.returncode, result.stdout) == (78, "")
        assert result.stderr.splitlines() == [
            f"{file}: mqtt.keepalive must be a number of seconds from 1 to 64800.",
            f"{file}: mqtt.ulr is no known key; the nearest is mqtt.url.",
        ]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ('"bosch_tps"', "no codec is named bosch_tps; did you mean bosch_tps110?"),
        (
            '{ codec = "bosch_tps110", options = { firmwar = "v029" } }',
            "bosch_tps110 has no option firmwar; did you mean firmware?",
        ),
        ('"broken"', "the codec broken cannot be loaded: SyntaxError"),
    ],
)
def test_codecs_of_profiles_are_looked_for(profile: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def decode(")
    file = tmp_path / "config.toml"
    file.write_text(
        f'[decoders]\nfolder = "{tmp_path}"\nprofiles = {{ "My profile" = {profile} }}\n[database]\nurl = "embedded"\n'
    )
    result = run("check-config", "--config", str(file))
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr.startswith(f"{file}: decoders.profiles: 'My profile': {expected}")


def test_codecs_with_a_limit_of_their_battery_are_looked_for(tmp_path: Path) -> None:
    """Any spelling of the name is that of the codec."""
    file = tmp_path / "config.toml"
    volts = '"Dragino-LDDS75" = 2.6, "nwave_nps405" = 2.9, "dragino_ldds57" = 2.6, "two words" = 3'
    file.write_text(f'[devices]\nbattery_low_volts = {{ {volts} }}\n[database]\nurl = "embedded"\n')
    result = run("check-config", "--config", str(file))
    assert (result.returncode, result.stdout) == (78, "")
    unknown, impossible = result.stderr.splitlines()
    assert unknown.startswith(f"{file}: devices.battery_low_volts: no codec is named dragino_ldds57; did you mean ")
    assert impossible.startswith(f"{file}: devices.battery_low_volts: 'two words' is no name of a codec")


def test_what_is_not_on_this_machine_is_a_mistake(tmp_path: Path) -> None:
    """The gateway starts without it, so only this command and doctor show it."""
    file = tmp_path / "config.toml"
    file.write_text(
        f'[decoders]\nfolder = "/nowhere"\n[gateway]\nstate_directory = "{file}"\n[database]\nurl = "embedded"\n'
    )
    result = run("check-config", "--config", str(file))
    assert (result.returncode, result.stdout) == (78, "")
    folder, state = result.stderr.splitlines()
    assert folder.startswith(f"{file}: decoders.folder must name a directory that exists, and /nowhere is none")
    assert state.startswith(f"{file}: gateway.state_directory must name a directory in which this user can write")
    assert load(file).decoders.folder == Path("/nowhere")


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    result = run("check-config", "--config", str(tmp_path / "none.toml"))
    assert result.returncode == 78
    assert result.stderr == f"{tmp_path}/none.toml: the file cannot be read: No such file or directory.\n"


def test_without_a_configuration_commands_work_that_need_no_database() -> None:
    """An empty PARKING_GATEWAY_CONFIG names no file. Compose files leave it empty."""
    assert run("decode", "bosch_tps110", "--port", "1", "01", PARKING_GATEWAY_CONFIG="").returncode == 0
    assert run("--embedded", "check-config").returncode == 0


@pytest.mark.parametrize("command", ["check-config", "run", "spaces list", "migrate", "doctor --devices"])
def test_without_a_configured_database_none_is_started(command: str) -> None:
    result = run(*command.split())
    assert result.returncode == 78
    assert "database.url is not set: name your PostgreSQL" in result.stderr
    assert "parking-gateway --embedded COMMAND" in result.stderr


def test_a_command_names_its_database_and_never_the_password() -> None:
    url = "postgresql://parking:hunter2@127.0.0.1:1/car_park"
    result = run("spaces", "list", PARKING_GATEWAY_DATABASE__URL=url)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == "Database: car_park on 127.0.0.1, port 1"
    assert "hunter2" not in result.stderr


def test_errors_are_the_first_twenty_and_the_number_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[mqtt]\n" + "".join(f"wrong_{number} = 1\n" for number in range(25)))
    lines = run("check-config", "--config", str(file)).stderr.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "… and 5 more"


def test_the_version() -> None:
    for arguments in (["version"], ["--version"], ["--version", "run"]):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (0, f"{__version__}\n")


def test_an_unknown_option_is_no_traceback() -> None:
    result = run("check-config", "--confg", "x")
    assert result.returncode == 1
    assert "No such option: --confg" in result.stderr
    assert "Traceback" not in result.stderr


def commands(group: TyperGroup, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *before, name)
        else:
            yield (*before, name)


def groups(group: TyperGroup) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield (name,)


@pytest.mark.parametrize("command", list(commands(get_group(app))), ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    """`--help` of each command has an example that begins with the command."""
    result = CliRunner().invoke(app, [*command, "--help"], terminal_width=120)
    assert result.exit_code == 0
    example = result.output.partition("For example:")[2]
    assert f"parking-gateway {' '.join(command)}" in example
    assert not re.search(r"\S {2,}parking-gateway", example)  # each on a line of its own


@pytest.mark.parametrize("command", [(), *groups(get_group(app)), *commands(get_group(app))], ids=" ".join)
def test_help_fits_into_80_columns(command: tuple[str, ...]) -> None:
    """No line is longer, no summary of a command is cut, and every argument has a description. Of 80 columns, 78 are used."""
    result = CliRunner().invoke(app, [*command, "--help"], terminal_width=78)
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    listed = result.output.partition("Commands:")[2]
    assert "..." not in listed
    entries = re.split(r"\n  (?=\S)", result.output.partition("Options:")[0].partition("Arguments:")[2] + listed)
    assert all(re.search(r"\S  +[^\s\[]", entry) for entry in entries[1:])


def test_the_command_line_starts_fast() -> None:
    """`--help` imports no heavy module. The commands that need one import it."""
    heavy = {"asyncio", "sqlalchemy", "aiomqtt", "alembic", "amqtt", "psycopg", "pydantic", "prometheus_client", "rich"}
    code = "import sys, parking_gateway.__main__, parking_gateway.cli; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(result.stdout.split())


@pytest.mark.parametrize(("option", "most"), [("--version", 100), ("--help", 300)])
def test_the_version_and_the_help_import_little(option: str, most: int) -> None:
    """They took 63 and 235 modules, and of CPU two and twenty times what Python itself takes."""
    command = (sys.executable, "-X", "importtime", "-m", "parking_gateway", option)
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 30 < result.stderr.count("import time:") < most


@given(st.text(min_size=1).map(lambda text: f"hunter2{text}"), st.sampled_from(["{}@host/db", "{}@host/db?a=b@c"]))
def test_no_password_survives(password: str, after: str) -> None:
    """With any spelling, and at any place in the URL."""
    assert "hunter2" not in without_password(f"postgresql://parking:{after.format(password)}")
    assert "hunter2" not in without_password(f"postgresql://host/db?password={password.replace('&', '')}&b=c")


def test_a_url_without_password_is_shown_whole() -> None:
    for url in ("embedded", "postgresql://parking@host:5432/db?sslmode=require", "postgresql://host:5432/db"):
        assert without_password(url) == url
