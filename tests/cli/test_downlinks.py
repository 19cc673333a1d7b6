"""The commands of downlinks and indicators."""

import json

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
