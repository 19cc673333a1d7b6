"""A region is prepared once, with all that is its own, and never with anything of a neighbour."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner

from parking_gateway.cli import app
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.regions import passwords
from parking_gateway.cli.regions.neighbours import loaded
from parking_gateway.cli.regions.region import Place
from parking_gateway.process.config import Config
from parking_gateway.store import schema
from tests.plugins.broker import Configured
from tests.plugins.postgres import WHEEL

Prepare = Callable[..., tuple[int, str, str]]
SECRETS = """
[mqtt]
url = "mqtt://someone:hunter2@localhost"
password = "hunter2"
[chirpstack]
topic = "application/garage/device/+/event/+"
api_url = "http://localhost:8080"
api_key = "hunter2"
[alerts]
webhooks = ["http://localhost/hunter2"]
webhook_secret = "hunter2hunter2hunter2"
[tracing]
endpoint = "http://localhost:4318"
headers = { authorization = "hunter2" }
[intake]
batch_size = 500
[decoders.profiles]
"EM310-UDL" = "milesight_em310_udl"
Other = { codec = "dragino_ldds75", options = { occupied_below_mm = "1500" } }
"""


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Runs `regions prepare`, for folders of the test."""

    def run(name: str, *options: str) -> tuple[int, str, str]:
        folders = ["--folder", str(tmp_path), "--states", "/var/lib/parking-gateway"]
        result = CliRunner().invoke(app, ["regions", "prepare", name, *options, *folders])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def config_of(folder: Path, name: str) -> Config:
    place = Place(name=name, folder=folder, states=Path("/var/lib/parking-gateway"))
    return loaded(place.file, place)


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_regions_share_nothing(prepare: Prepare, tmp_path: Path) -> None:
    assert prepare("north", "--application", "a")[0] == 0
    assert prepare("south", "--application", "b")[0] == 0
    north, south = (config_of(tmp_path, name) for name in ("north", "south"))
    own = [
        (
            one.chirpstack.topic,
            one.publication.root,
            one.mqtt.client_id,
            one.mqtt.username,
            one.mqtt.password,
            one.gateway.instance,
            one.gateway.state_directory,
            one.database.url,
            one.telemetry.listen,
        )
        for one in (north, south)
    ]
    assert all(mine != others for mine, others in zip(*own, strict=True))
    assert north.mqtt.client_id == "parking-gateway-north"  # as the unit sets it


def test_a_second_run_changes_nothing(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    before = snapshot(tmp_path)
    status, printed, _ = prepare("north")
    assert status == 0
    assert printed.count("stays as it is") == len(before)
    assert snapshot(tmp_path) == before


def test_the_lines_for_the_broker_may_be_carried_out_again(prepare: Prepare, tmp_path: Path) -> None:
    """Its files keep what they have, and get a region once, with its newest password."""
    broker = tmp_path / "mosquitto"
    broker.mkdir()
    broker.joinpath("parking.acl").write_text("user gateway\ntopic read #\n")
    broker.joinpath("passwords").write_text("gateway:one\nparking-gateway-north-east:two\nparking-gateway-north:old\n")
    _, printed, _ = prepare("north", "--application", "a")
    lines = [line.replace("/etc/mosquitto", str(broker)) for line in printed.splitlines() if "/etc/mosquitto" in line]
    assert len(lines) == 2
    for _ in range(2):
        for line in lines:
            subprocess.run(["sh", "-ec", line], check=True)
    acl, new = (tmp_path / "north" / name for name in ("broker.acl", "broker.passwords"))
    assert broker.joinpath("parking.acl").read_text() == "user gateway\ntopic read #\n" + acl.read_text()
    others = "gateway:one\nparking-gateway-north-east:two\n"
    assert broker.joinpath("passwords").read_text() == others + new.read_text()


def test_a_run_that_was_cut_off_is_finished_with_the_same_passwords(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    before = snapshot(tmp_path)
    for late in ("north.toml", "north/make-database.sql"):
        (tmp_path / late).unlink()
    assert prepare("north", "--application", "a")[0] == 0
    after = snapshot(tmp_path)
    assert after.keys() == before.keys()
    for name in ("north/mqtt__password", "north/database__url", "north.toml"):
        assert after[tmp_path / name] == before[tmp_path / name]


def test_a_region_whose_secrets_are_gone_gets_new_ones(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    for file in (tmp_path / "north").iterdir():
        file.unlink()
    assert prepare("north")[0] == 0
    assert 'create database "parking_north"' in (tmp_path / "north/make-database.sql").read_text()
    assert config_of(tmp_path, "north").database.is_set


def test_a_dry_run_writes_nothing(prepare: Prepare, tmp_path: Path) -> None:
    status, printed, _ = prepare("north", "--application", "a", "--dry-run")
    assert status == 0
    assert "north.toml: would be written" in printed
    assert [*tmp_path.iterdir()] == []


def test_no_secret_can_be_read_by_others(prepare: Prepare, tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        status, printed, errors = prepare("north", "--application", "a")
    finally:
        os.umask(mask)
    assert status == 0
    config = config_of(tmp_path, "north")
    assert config.mqtt.password is not None
    secrets = [
        config.mqtt.password.get_secret_value(),
        conninfo_to_dict(config.database.url.get_secret_value())["password"],
    ]
    readable = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert readable == [tmp_path / "north.toml"]
    assert (tmp_path / "north").stat().st_mode & 0o777 == 0o700
    for secret in secrets:
        assert str(secret) not in (tmp_path / "north.toml").read_text() + printed + errors


def test_a_secret_that_others_can_read_is_refused(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    (tmp_path / "north/mqtt__password").chmod(0o644)
    status, _, error = prepare("north")
    assert status == 1
    assert f"run chmod 600 {tmp_path}/north/mqtt__password" in error


def test_it_takes_over_what_all_have_in_common_and_no_secret(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SECRETS)
    status, printed, error = prepare("north", "--application", "a")
    assert status == 0, error
    assert "hunter2" not in "".join(path.read_text() for path in tmp_path.rglob("north*") if path.is_file())
    assert "hunter2" not in printed + error
    assert "chirpstack.api_key is not taken over" in error
    assert "alerts.webhook_secret is not taken over" in error
    config = config_of(tmp_path, "north")
    assert config.intake.batch_size == 500
    assert config.decoders.profiles["Other"].options == {"occupied_below_mm": "1500"}
    assert config.mqtt.username == "parking-gateway-north"


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ('[chirpstack]\ntopic = "application/a/device/+/event/+"', "chirpstack.topic is application/a/"),
        ("[publication]\nroot = 'parking/v1'", "chirpstack.topic is application/+/"),
        ('[publication]\nroot = "parking/north/v1"', "publication.root is parking/north/v1"),
        ('[publication]\nroot = "parking/north/v1/below"', "publication.root is parking/north/v1/below"),
        ('[publication]\nroot = "parking"', "publication.root is parking,"),
        ('[mqtt]\nclient_id = "parking-gateway-north"', "mqtt.client_id is parking-gateway-north"),
        ('[mqtt]\nusername = "parking-gateway-north"', "mqtt.username is parking-gateway-north"),
        ('[database]\nurl = "postgresql://x@127.0.0.1:5432/parking_north"', "database.url leads to the same database"),
        ('[gateway]\ninstance = "north"', "gateway.instance is north"),
        (
            '[gateway]\nstate_directory = "/var/lib/parking-gateway/north"',
            "gateway.state_directory is /var/lib/parking-gateway/north",
        ),
    ],
)
def test_a_collision_names_the_file_the_key_and_the_way_out(
    prepare: Prepare, tmp_path: Path, theirs: str, reason: str
) -> None:
    (tmp_path / "config.toml").write_text(theirs)
    status, _, error = prepare("north", "--application", "a")
    assert status == 1
    assert any(line.startswith(f"{tmp_path}/config.toml: {reason}") for line in error.splitlines()), error
    assert [*tmp_path.iterdir()] == [tmp_path / "config.toml"]


def test_a_region_that_was_changed_into_a_collision_is_refused_too(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    prepare("south", "--application", "b")
    file = tmp_path / "south.toml"
    file.write_text(file.read_text().replace("127.0.0.1:9465", "127.0.0.1:9464"))
    status, _, error = prepare("south")
    assert status == 1
    assert error.startswith(f"{tmp_path}/north.toml: telemetry.listen has the port 9464, as south has")


def test_another_broker_has_topics_of_its_own(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    (tmp_path / "regions.toml").write_text('[mqtt]\nurl = "mqtt://elsewhere"')
    assert prepare("south", "--application", "a", "--root", "parking/north/v1")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["north"], "name its application of ChirpStack with --application"),
        (["config", "--application", "a"], "cannot be a region"),
        (["North/1", "--application", "a"], "cannot be a region"),
        (["north", "--application", "a/#"], "cannot be an application"),
        (["north", "--application", "a", "--root", "Parking"], "publication.root must be levels of lower-case letters"),
        (["north", "--application", "a", "--admin", "mysql://x"], "--admin must be"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_write_nothing(
    prepare: Prepare, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    status, _, error = prepare(*arguments)
    assert status == 1
    assert reason in error
    assert [*tmp_path.iterdir()] == []


def test_an_option_that_differs_from_the_region_is_refused(prepare: Prepare) -> None:
    prepare("north", "--application", "a")
    status, _, error = prepare("north", "--application", "b")
    assert status == 1
    assert "chirpstack.topic is application/a/device/+/event/+, and not application/b/" in error


def test_the_database_is_made_once_and_closed_to_others(prepare: Prepare, tmp_path: Path, postgres: str) -> None:
    (tmp_path / "regions.toml").write_text(f'[database]\nurl = "{postgres}"')
    for _ in range(2):
        status, printed, error = prepare("east", "--application", "a", "--admin", postgres)
        assert status == 0, error
    assert "Database: parking_east found; parking_east owns it." in printed
    url = config_of(tmp_path, "east").database.url.get_secret_value()
    with psycopg.connect(url) as own:
        assert own.execute("select current_user").fetchone() == ("parking_east",)
        assert own.execute("select version_num from alembic_version").fetchone() == (schema.newest(),)
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("create role stranger login")
        try:
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(make_conninfo(postgres, user="stranger", dbname="parking_east"))
        finally:
            server.execute("drop role stranger")
            server.execute("drop database parking_east")
            server.execute("drop role parking_east")


def test_a_database_of_others_is_refused_before_a_file_is_written(
    prepare: Prepare, tmp_path: Path, postgres: str
) -> None:
    (tmp_path / "regions.toml").write_text(f'[database]\nurl = "{postgres}"')
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("create database parking_west")
        try:
            status, _, error = prepare("west", "--application", "a", "--admin", postgres)
        finally:
            server.execute("drop database parking_west")
    assert status == 1
    assert "PostgreSQL: the server has the database parking_west already" in error
    assert [*tmp_path.iterdir()] == [tmp_path / "regions.toml"]


def test_psql_makes_the_same_database(prepare: Prepare, tmp_path: Path, postgres: str) -> None:
    psql = WHEEL() / "psql"
    (tmp_path / "regions.toml").write_text(f'[database]\nurl = "{postgres}"')
    prepare("psql", "--application", "a")
    try:
        for _ in range(2):
            script = (tmp_path / "psql/make-database.sql").read_bytes()
            subprocess.run([psql, "-qX", "-v", "ON_ERROR_STOP=1", "-d", postgres], input=script, check=True)
        with psycopg.connect(config_of(tmp_path, "psql").database.url.get_secret_value()) as own:
            assert own.execute("select current_user").fetchone() == ("parking_psql",)
    finally:
        with psycopg.connect(postgres, autocommit=True) as server:
            server.execute("drop database if exists parking_psql")
            server.execute("drop role if exists parking_psql")


def test_postgresql_takes_the_verifier_for_the_password(postgres: str) -> None:
    verifier = passwords.for_postgresql("hunter2")
    with psycopg.connect(postgres) as server:
        server.execute(f"create role verified login password '{verifier}'")
        kept = server.execute("select rolpassword from pg_authid where rolname = 'verified'").fetchone()
        server.rollback()
    assert kept == (verifier,)


def test_mosquitto_lets_the_gateway_do_what_it_needs_and_nothing_elsewhere(
    prepare: Prepare, tmp_path: Path, configured: Configured
) -> None:
    for name, application in (("north", "a"), ("south", "b")):
        prepare(name, "--application", application)
    for kind in ("acl", "passwords"):
        both = "".join((tmp_path / name / f"broker.{kind}").read_text() for name in ("north", "south"))
        (tmp_path / f"all.{kind}").write_text(both)
        (tmp_path / f"all.{kind}").chmod(0o600)
    lines = f"allow_anonymous false\npassword_file {tmp_path}/all.passwords\nacl_file {tmp_path}/all.acl\n"
    broker: Broker = configured(lines)
    password = (tmp_path / "north/mqtt__password").read_text().strip()
    of_north = ("-u", "parking-gateway-north", "-P", password)

    def publishes(topic: str) -> bool:
        """Whether the broker takes it. Its code is 0, 16 (nobody subscribes) or 135 (not authorised)."""
        command = [
            "mosquitto_pub",
            "-p",
            str(broker.port),
            *of_north,
            "-V",
            "5",
            "-q",
            "1",
            "-t",
            topic,
            "-m",
            "x",
            "-d",
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        (code,) = re.findall(r"RC:(\d+)", found.stdout)
        assert code in ("0", "16", "135")
        return bool(code != "135")

    assert publishes("parking/north/v1/spaces/a/b/c")
    assert publishes("application/a/device/1/command/down")
    assert not publishes("parking/south/v1/spaces/a/b/c")
    assert not publishes("application/b/device/1/command/down")
    assert not publishes("application/a/device/1/event/up")


def test_the_list_has_every_gateway_of_the_folder(prepare: Prepare, tmp_path: Path) -> None:
    prepare("north", "--application", "a")
    (tmp_path / "spaces.toml").write_text("[sites.central]\n")  # another kind of file
    result = CliRunner().invoke(app, ["regions", "list", "--folder", str(tmp_path)])
    assert [line.split("\t")[:3] for line in result.stdout.splitlines()] == [
        ["region", "topic", "root"],
        ["north", "application/a/device/+/event/+", "parking/north/v1"],
    ]
