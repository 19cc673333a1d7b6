"""The commands of downlinks and indicators."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_register import invoke
from tests.events import dev_eui_of
from tests.plugins.car_park import BUILD

LAMP = "ca10000000000001"


@pytest.fixture
def car_park_url(database: str) -> str:
    """The URL of a database with two spaces, whose sensors have sent events."""
    with psycopg.connect(database) as connection:
        for statement in BUILD:
            connection.execute(statement.format(spaces=2).encode())
        connection.execute("update device set application_id = 'a'")
    return database


def test_indicators_are_added_listed_and_removed(car_park_url: str) -> None:
    done = invoke(car_park_url, "indicators", "add", LAMP.upper(), "busylight", "central/level-1", "--buffer", "2")
    assert (done.returncode, done.stdout) == (0, f"The busylight {LAMP} shows 1 place.\n")
    assert "central/level-1" in invoke(car_park_url, "indicators", "list").stdout
    (one,) = json.loads(invoke(car_park_url, "indicators", "list", "--json").stdout)
    assert (one["dev_eui"], one["model"], one["places"], one["buffer"]) == (LAMP, "busylight", ["central/level-1"], 2)
    done = invoke(car_park_url, "indicators", "remove", LAMP)
    assert (done.returncode, done.stdout) == (0, f"The device {LAMP} is no indicator any more.\n")
    assert invoke(car_park_url, "indicators", "remove", LAMP).returncode == 1


def test_a_command_and_bytes_are_queued(car_park_url: str) -> None:
    device = dev_eui_of(1)
    done = invoke(
        car_park_url,
        "devices",
        "downlink",
        device,
        "--command",
        "report-interval",
        "--option",
        "seconds=1200",
        "--codec",
        "dragino_ldds75",
    )
    assert done.stdout.startswith("Queued 010004b0 for port 1 as ")
    done = invoke(
        car_park_url, "devices", "downlink", device, "--bytes", "01FF", "--port", "7", "--unconfirmed", "--json"
    )
    assert (json.loads(done.stdout)["bytes"], json.loads(done.stdout)["purpose"]) == ("01ff", "bytes")
    done = invoke(car_park_url, "devices", "downlink", device, "--bytes", "01")
    assert (done.returncode, done.stderr) == (1, "A downlink needs either a command, or bytes and their f_port.\n")


def test_an_exported_file_can_be_imported_and_prunes(car_park_url: str, tmp_path: Path) -> None:
    file = tmp_path / "indicators.toml"
    for number, place in enumerate(("central", "central/level-1/A-2"), 1):
        invoke(car_park_url, "indicators", "add", f"ca1000000000000{number}", "busylight", place)
    assert invoke(car_park_url, "indicators", "export", str(file)).returncode == 0
    exported = file.read_text()
    assert invoke(car_park_url, "indicators", "export").stdout == exported
    file.write_text(exported.split("\n\n")[0] + "\n")
    tried = invoke(car_park_url, "indicators", "import", str(file), "--prune", "--dry-run")
    assert tried.stdout == "1 indicator set, 1 removed.\nThis was a dry run: nothing is changed.\n"
    done = invoke(car_park_url, "indicators", "import", str(file), "--prune", "--json")
    assert json.loads(done.stdout) == {"set": 1, "removed": ["ca10000000000002"]}
    assert invoke(car_park_url, "indicators", "export").stdout == file.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[indicators]", "the file: it is no TOML in UTF-8"),
        ("[[lamps]]", "the file: it must consist of tables [[indicators]]"),
        (f'[[indicators]]\ndev_eui = "{LAMP}"\nmodel = "x"\nplaces = ["central"]', "indicator 1: There is no model x"),
        (f'[[indicators]]\ndev_eui = "{LAMP}"\nmodell = "x"', "indicator 1: indicator/set has no parameter modell"),
        (
            f'[[indicators]]\ndev_eui = "{LAMP}"\n[[indicators]]\ndev_eui = "{LAMP.upper()}"',
            f"indicator 2: the device {LAMP} stands already in indicator 1.",
        ),
    ],
)
def test_a_file_with_a_mistake_changes_nothing(car_park_url: str, tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "indicators.toml"
    file.write_text(text)
    done = invoke(car_park_url, "indicators", "import", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
