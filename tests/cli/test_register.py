"""The commands about spaces, devices and the database, as a person or a script runs them."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.cli import app, shown
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.store import embedded, schema
from parking_gateway.store.pipeline import PipelinedConnection
from tests import forked
from tests.events import OCCUPIED, dev_eui_of, message, up
from tests.plugins.car_park import CarPark
from tests.plugins.postgres import WHEEL, folder_of_server

ONE, TWO = dev_eui_of(1), dev_eui_of(2)
SPACES = f"""site,zone,space,dev_eui,channel,codec,options
central,level-1,A-1,{ONE},,bosch_tps110_v029,
central,level-1,A-2,,,,
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


def run_on(url: str, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`parking-gateway` in a process of its own, on that database."""
    ours = {"PARKING_GATEWAY_DATABASE__URL": url}
    ours |= {f"PARKING_GATEWAY_{name}": value for name, value in settings.items()}
    ran = forked.run(*map(str, arguments), env=os.environ | ours)
    ran.stderr = after_database(ran.stderr)
    return ran


def invoke(url: str, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, for the many refusals."""
    ours = {"PARKING_GATEWAY_DATABASE__URL": url}
    ours |= {f"PARKING_GATEWAY_{name}": value for name, value in settings.items()}
    result = CliRunner().invoke(app, [*map(str, arguments)], env=ours, catch_exceptions=False)
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, after_database(result.stderr))


def after_database(errors: str) -> str:
    """Standard error behind the lines that name the database."""
    return re.sub(r"(?m)^Database: .*\n", "", errors)


@pytest.fixture
def run(database: str) -> Run:
    """Run a command on the test's database."""
    return lambda *arguments, **settings: run_on(database, *arguments, **settings)


@pytest.fixture
def spaces(tmp_path: Path) -> Path:
    """A file with two spaces, one with a device."""
    file = tmp_path / "spaces.csv"
    file.write_text(SPACES)
    return file


@pytest.fixture
def recorded(engine: AsyncEngine) -> Callable[..., Awaitable[None]]:
    """Record messages as the gateway does."""

    async def recorded(*batch: Message) -> None:
        now = datetime.now(UTC)
        limits = chirpstack.Limits(payload_bytes=65_536, depth=32)
        async with engine.begin() as connection:
            await record(
                PipelinedConnection(connection),
                read(batch, received_at=now, limits=limits),
                decoder=Decoder(),
                announce_every=timedelta(hours=1),
            )

    return recorded


def output_of(result: subprocess.CompletedProcess[str]) -> str:
    """The output of a command that succeeded."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The output of a command that failed: sentences, on standard error only."""
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    return result.stderr


def read_json(result: subprocess.CompletedProcess[str]) -> Any:
    """The one document on standard output."""
    return json.loads(output_of(result))


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


# Spaces


def test_spaces_go_in_and_out(run: Run, spaces: Path, tmp_path: Path) -> None:
    """A dry run changes nothing, a second import neither, and an export can be imported."""
    tried = output_of(run("spaces", "import", spaces, "--dry-run"))
    assert tried.startswith("Spaces: 2 created, 0 changed, 0 unchanged.\n")
    assert tried.endswith("This was a dry run: nothing was changed.\n")
    assert output_of(run("spaces", "import", spaces)) == (
        "Spaces: 2 created, 0 changed, 0 unchanged.\n"
        "Installations: 1 created, 0 changed, 0 unchanged.\n"
        "1 device: never heard.\n"
    )
    exported = tmp_path / "exported.csv"
    assert output_of(run("spaces", "export", exported)) == ""
    assert output_of(run("spaces", "export")) == exported.read_text()
    assert read_json(run("spaces", "import", exported, "--json")) == {
        "dry_run": False,
        "spaces": {"created": 0, "changed": 0, "unchanged": 2},
        "installations": {"created": 0, "changed": 0, "unchanged": 1},
        "settings": 0,
        "counters": 0,
        "moved": [],
        "removed": [],
        "pruned": {"sites": [], "zones": [], "spaces": [], "unassigned": [], "counters": []},
        "replayed": {"uplinks": 0, "transitions": 0, "unreadable": 0},
        "remarks": {},
    }
    first, second = read_json(run("spaces", "list", "--json"))
    assert (first["site"], first["zone"], first["space"], first["state"]) == ("central", "level-1", "A-1", "FREE")
    assert (first["dev_eui"], first["codec"], second["dev_eui"]) == (ONE, "bosch_tps110_v029", None)
    lines = output_of(run("spaces", "list")).splitlines()
    assert [line.split("\t")[2] for line in lines] == ["space", "A-1", "A-2"]


def test_one_bad_line_and_nothing_is_imported(spaces: Path, database: str) -> None:
    spaces.write_text(SPACES + "central,level-1,A 3,xyz\ncentral,level-1,A-4\ncentral,level-1,A-1\n")
    assert refused(invoke(database, "spaces", "import", spaces)) == (
        f"{spaces}: line 4: space cannot be 'A 3': 1 to 64 letters a to z, digits, - and _ make a name\n"
        f"{spaces}: line 4: dev_eui cannot be 'xyz': 16 hexadecimal digits make a DevEUI\n"
        f"{spaces}: line 6: the space central/level-1/A-1 stands already in line 2\n"
        f"Nothing of {spaces} was imported.\n"
    )
    result = invoke(database, "spaces", "import", spaces, "--json")
    assert (result.returncode, result.stderr) == (1, "")
    assert [one["where"] for one in json.loads(result.stdout)["mistakes"]] == ["line 4", "line 4", "line 6"]
    assert query(database, "select * from space") == []


def test_files_that_cannot_be_read_or_written_are_a_sentence(database: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "spaces.csv"
    assert (
        refused(invoke(database, "spaces", "import", missing))
        == f"{missing} cannot be read: No such file or directory.\n"
    )
    assert (
        refused(invoke(database, "spaces", "export", missing))
        == f"{missing} cannot be written: No such file or directory.\n"
    )


@pytest.fixture
def fitting_no_codec(tmp_path: Path) -> Path:
    """A file with an option that the codec of the device's tag does not have."""
    file = tmp_path / "spaces.csv"
    file.write_text(SPACES.replace("bosch_tps110_v029,", ",line=2"))
    return file


async def test_mistakes_that_only_the_database_shows_are_named_with_their_lines(
    run: Run, fitting_no_codec: Path, recorded: Callable[..., Awaitable[None]]
) -> None:
    await recorded(message(ONE, up(ONE, tags={"codec": "milesight_em310_udl"})))
    assert refused(run("spaces", "import", fitting_no_codec)).startswith(
        f"{fitting_no_codec}: line 2: milesight_em310_udl has no option line"
    )


# Devices


async def test_a_device_sends_is_listed_and_installed(
    run: Run, spaces: Path, recorded: Callable[..., Awaitable[None]]
) -> None:
    """The uplinks that it sent before it had a space decide the state of the space."""
    await recorded(message(TWO, up(TWO, OCCUPIED, tags={"codec": "bosch_tps110_v029"})))
    output_of(run("spaces", "import", spaces))
    (device,) = read_json(run("devices", "list", "--unassigned", "--json"))
    assert (device["dev_eui"], device["profile"], device["codec"]) == (TWO, "Parking sensor", "bosch_tps110_v029")
    assert (device["assigned"], device["space"], device["note"]) == (False, None, "unassigned")
    assert output_of(run("devices", "assign", TWO.upper(), "central/level-1/A-2")) == (
        "Spaces: 0 created, 1 changed, 0 unchanged.\n"
        "Installations: 1 created, 0 changed, 0 unchanged.\n"
        "Replayed: 1 stored uplink of these devices, 0 unreadable, with 1 state change.\n"
    )
    assert [one["state"] for one in read_json(run("spaces", "list", "--json"))] == ["FREE", "OCCUPIED"]
    first, second = (line.split("\t") for line in output_of(run("devices", "list")).splitlines()[1:])
    assert (first[0], first[7], first[8]) == (ONE, "central/level-1/A-1", "never heard")
    assert (second[0], second[3], second[7], second[8]) == (TWO, "live", "central/level-1/A-2", "-")
    assert read_json(run("devices", "list", "--problem", "silent", "--json")) == []
    moved = output_of(run("devices", "assign", TWO, "central/level-1/A-1"))
    assert f"Moved: {TWO} from central/level-1/A-2 to central/level-1/A-1.\n" in moved
    assert f"Unassigned: {ONE}, because central/level-1/A-1 has {TWO} now.\n" in moved


async def test_a_distance_without_thresholds_is_marked(
    run: Run, spaces: Path, recorded: Callable[..., Awaitable[None]]
) -> None:
    await recorded(message(ONE, up(ONE)))
    output_of(run("spaces", "import", spaces))
    note = "no occupancy: it measures a distance, and the option occupied_below_mm is not set"
    arguments = ("devices", "assign", ONE, "central/level-1/A-1", "--codec", "Milesight-EM310-UDL")
    assert f"1 device: {note}.\n" in output_of(run(*arguments))
    (device,) = read_json(run("devices", "list", "--json"))
    assert device["note"] == note
    options = ("--option", "occupied_below_mm=400", "--option", "vacant_above_mm=500", "--json")
    assert read_json(run(*arguments, *options))["installations"] == {"created": 0, "changed": 1, "unchanged": 0}
    (device,) = read_json(run("devices", "list", "--json"))
    assert (device["note"], device["options"]) == (None, {"occupied_below_mm": "400", "vacant_above_mm": "500"})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([ONE, "central/level-1"], "'central/level-1' must be SITE/ZONE/SPACE."),
        ([ONE, "central/level-1/A-9"], "There is no space central/level-1/A-9: did you mean central/level-1/A-2?"),
        (["", "central/level-1/A-1"], "dev_eui is empty: it must name a device."),
        (["1", "central/level-1/A-1"], "dev_eui cannot be '1': 16 hexadecimal digits make a DevEUI."),
        (
            [ONE, "central/level-1/A-1", "--channel", "300"],
            "channel cannot be '300', only 0 to 255.",
        ),
        (
            [ONE, "central/level-1/A-1", "--codec", "bosch_tps11"],
            "no codec is named bosch_tps11; did you mean bosch_tps110?",
        ),
    ],
)
def test_an_assignment_that_cannot_be_is_one_sentence(
    database: str, spaces: Path, arguments: list[str], sentence: str
) -> None:
    output_of(invoke(database, "spaces", "import", spaces))
    assert refused(invoke(database, "devices", "assign", *arguments)) == f"{sentence}\n"


# The database


def test_a_database_is_migrated_and_may_be_read(empty_database: str) -> None:
    """The reading role reads the tables of the contract, also partitions of later months, and nothing else."""
    refusal = refused(run_on(empty_database, "spaces", "list"))
    assert refusal == "The database has no schema yet. Run: parking-gateway migrate (or start with --migrate).\n"
    made = output_of(run_on(empty_database, "migrate", "--reading-role", "dash-boards")).splitlines()
    assert made[0] == f"Schema: none -> {schema.newest()}."
    assert made[1].startswith(f"Partition: uplink_{datetime.now(UTC):%Y_%m} made.")
    assert made[-1] == "Role: dash-boards made; it may read."
    again = output_of(run_on(empty_database, "migrate", "--reading-role", "dash-boards"))
    assert again == f"Schema: {schema.newest()} -> {schema.newest()}.\nRole: dash-boards found; it may read.\n"
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "create table uplink_1999_01 partition of uplink for values from ('1999-01-01') to ('1999-02-01')"
        )
        connection.execute('set role "dash-boards"')
        for table in ("uplink", "site", "zone", "space", "transition", "rejection", "space_state"):
            assert connection.execute(f"select count(*) from {table}".encode()).fetchone() == (0,), table
        for statement in (b"select * from device", b"select * from installation", b"delete from space"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    assert output_of(run_on(empty_database, "migrate", "--down-to", "base")) == f"Schema: {schema.newest()} -> none.\n"
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute('drop owned by "dash-boards"; drop role "dash-boards"')


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--revision", "77"],
            (
                "The schema cannot be migrated: Can't locate revision identified by '77'. The revisions are base, "
                f"{', '.join(sorted(schema.revisions()))}."
            ),
        ),
        (
            ["--reading-role", "1; drop table space"],
            "'1; drop table space' cannot be a role: write 1 to 63 letters, digits, _ and -, and begin with a letter or _.",
        ),
        (
            ["--down-to", "base", "--reading-role", "x"],
            "--down-to goes back and cannot be combined: leave out --revision and --reading-role.",
        ),
    ],
)
def test_a_migration_that_cannot_be_is_one_sentence(database: str, arguments: list[str], sentence: str) -> None:
    assert refused(invoke(database, "migrate", *arguments)) == f"{sentence}\n"


def test_everything_can_be_published_again(run: Run, spaces: Path, database: str) -> None:
    output_of(run("spaces", "import", spaces))
    with psycopg.connect(database) as connection:
        for table in ("space", "zone", "site", "device"):
            connection.execute(f"update {table} set published_version = version".encode())
    assert output_of(run("republish")) == "Due for publication: 5.\n"
    assert query(database, "select count(*) from space where version > published_version") == [(2,)]


async def test_rejected_messages_are_listed(run: Run, recorded: Callable[..., Awaitable[None]]) -> None:
    await recorded(message(ONE, b"garbage"))
    await recorded(message(ONE, b"\xff\x00 more\tgarbage"))
    last, first = read_json(run("rejections", "list", "--json"))
    assert bytes.fromhex(first["payload"]) == b"garbage"
    assert (last["reason"], last["topic"]) == ("malformed", message(ONE, b"").topic)
    header, only = output_of(run("rejections", "list", "--limit", "1")).splitlines()
    assert header.split("\t") == ["id", "received (UTC)", "reason", "device", "topic", "detail"]
    assert only.split("\t")[2] == "malformed"


@pytest.mark.parametrize("command", [("spaces", "list"), ("devices", "list"), ("migrate",), ("republish",)])
def test_a_database_that_is_not_there_is_one_sentence(command: tuple[str, ...], postgres: str) -> None:
    sentence = refused(invoke("postgresql://nobody:secret@127.0.0.1:1/nothing", *command))
    assert sentence.startswith("The database cannot be used: ")
    assert "Connection refused" in sentence
    assert sentence.count("\n") == 1
    assert "secret" not in sentence
    sentence = refused(invoke(postgres.replace("/postgres?", "/missing?"), *command))
    assert 'database "missing" does not exist' in sentence


def test_a_database_in_use_or_of_another_version_is_one_sentence(spaces: Path, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("lock table installation")
        waiting = refused(invoke(database, "spaces", "import", spaces, DATABASE__LOCK_TIMEOUT="0.1"))
    assert waiting == (
        "The database cannot be used: canceling statement due to lock timeout."
        " Another session holds a lock: pg_stat_activity and pg_locks show it\n"
    )
    with psycopg.connect(database) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    assert "9999" in refused(run_on(database, "spaces", "import", spaces))


@pytest.mark.parametrize("state", ["P0001", "22003", "XX000"])
def test_what_a_trigger_of_somebody_raises_is_one_sentence(spaces: Path, database: str, state: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "create function broken() returns trigger language plpgsql as"
            f" $$ begin raise exception 'not today' using errcode = '{state}'; end $$;"
            "create trigger broken before insert on space for each row execute function broken()".encode()
        )
    refusal = refused(run_on(database, "spaces", "import", spaces))
    assert refusal.startswith("The database cannot be used: not today (PL/pgSQL function broken() line 1 at RAISE)")


def test_a_missing_right_to_write_is_one_sentence(spaces: Path, database: str) -> None:
    name = query(database, "select current_database()")[0][0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"alter database {name} set default_transaction_read_only = on".encode())
    refusal = refused(invoke(database, "spaces", "import", spaces))
    assert refusal.startswith("The database cannot be used: cannot execute ")
    with psycopg.connect(database, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        connection.execute(f"alter database {name} reset all".encode())
        connection.execute(f"create role reader_of_{name} login".encode())
    refusal = refused(invoke(database.replace("postgres@", f"reader_of_{name}@"), "spaces", "list"))
    assert refusal.startswith(
        "The database cannot be used: permission denied for table alembic_version. Grant the role"
    )


def test_the_embedded_database_serves_commands_beside_a_gateway(spaces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command uses the running server of the gateway, and leaves it running."""
    monkeypatch.setattr(embedded, "programs", WHEEL)  # as the command does
    with folder_of_server() as folder:
        state = {"GATEWAY__STATE_DIRECTORY": folder}
        assert output_of(run_on("embedded", "migrate", **state)).startswith(f"Schema: none -> {schema.newest()}.\n")
        with embedded.running(Path(folder)) as url, psycopg.connect(url) as gateway:
            output_of(run_on("embedded", "spaces", "import", spaces, **state))
            assert gateway.execute("select name from space order by 1").fetchall() == [("A-1",), ("A-2",)]


def test_profiles_that_name_no_codec_end_with_78(database: str, spaces: Path) -> None:
    result = invoke(database, "spaces", "import", spaces, DECODERS__PROFILES='{"My profile": "bosh_tps110"}')
    assert (result.returncode, result.stdout) == (os.EX_CONFIG, "")
    assert "bosch_tps110" in result.stderr


# Tables


def test_a_terminal_gets_a_table(run: Run, spaces: Path, database: str) -> None:
    """The columns are aligned."""
    output_of(run("spaces", "import", spaces))
    ours, theirs = pty.openpty()
    environment = os.environ | {
        "PARKING_GATEWAY_DATABASE__URL": database,
        "COLUMNS": "200",
        "TERM": "xterm",
    }
    with TemporaryFile() as stderr:
        shown = forked.start("spaces", "list", env=environment, stdout=theirs, stderr=stderr.fileno())
        assert shown.wait() == 0
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123 - a descriptor has no path
        header, first = re.sub(r"\x1b\[[0-9;]*m", "", terminal.read(65_536).decode()).splitlines()[:2]
    assert "\t" not in header + first
    assert header.index("contact") == first.index("never")


def test_a_terminal_gets_no_more_rows_than_anybody_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shown, "MOST_ROWS", 3)
    shown.show_table(("number",), [(number,) for number in range(1000, 1005)])
    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines()[1:]] == ["1000", "1001", "1002"]
    assert err == "These are the first 3 rows, and there are more. A pipe shows all of them.\n"


async def test_a_label_is_scanned_in_place_of_the_dev_eui(car_park: CarPark, database: str) -> None:
    await car_park(1)
    place, label = "central/level-1/A-1", "LW:D0:24E124C0002A0001:24E124713B654321:02590001"
    result = await asyncio.to_thread(invoke, database, "devices", "assign", place, "--qr", label)
    first, second = result.stdout.splitlines()[:2]
    assert first == "Label: 24e124713b654321, Milesight (TR005)."
    assert second.startswith("Codecs for devices of Milesight: milesight_em310_udl, ")
    assert second.endswith(". Choose with --codec, if nobody chose one.")
    wrong = await asyncio.to_thread(invoke, database, "devices", "assign", place, "--qr", label[:-1])
    assert refused(wrong) == (
        "qr: The ProfileID of the label has to be 8 hexadecimal digits, not 7 characters: scan the code again, or type the"
        " DevEUI that is printed on the label.\n"
    )
    without = await asyncio.to_thread(invoke, database, "devices", "assign", place)
    assert "parking-gateway devices assign DEV_EUI SITE/ZONE/SPACE" in refused(without)
