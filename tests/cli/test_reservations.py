"""The commands about reservations."""

import json

import psycopg
import pytest

from tests.cli.test_register import invoke
from tests.plugins.car_park import BUILD


@pytest.fixture
def car_park_url(database: str) -> str:
    """The URL of a database with two spaces, by the clock of Madrid."""
    with psycopg.connect(database) as connection:
        for statement in (*BUILD, "update site set time_zone = 'Europe/Madrid'"):
            connection.execute(statement.format(spaces=2).encode())
    return database


def test_a_reservation_is_made_extended_and_cancelled(car_park_url: str) -> None:
    """Its times are local to the site."""
    times = ("--from", "2099-07-01T10:00", "--until", "2099-07-01T12:00")
    done = invoke(car_park_url, "reservations", "create", "central/level-1", *times, "--holder", "Ms Vega")
    assert done.stderr == ""
    assert done.stdout == "Reservation 1: central/level-1/A-1, 2099-07-01 08:00 to 2099-07-01 10:00 UTC, booked.\n"
    done = invoke(car_park_url, "reservations", "create", "central/level-1/A-1", *times)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The space is taken then by reservation 1 (2099-07-01 08:00:00+00:00 to ")
    done = invoke(car_park_url, "reservations", "extend", "1", "--until", "2099-07-01T12:00Z", "--json")
    assert json.loads(done.stdout)["end"] == "2099-07-01T12:00:00Z"
    done = invoke(car_park_url, "reservations", "list", "central", "--from", "2099-07-01T11:00")
    assert done.stdout.splitlines()[1].split("\t")[:8] == [
        "1",
        "central",
        "level-1",
        "A-1",
        "2099-07-01 08:00:00",
        "2099-07-01 12:00:00",
        "booked",
        "Ms Vega",
    ]
    assert "cancelled" in invoke(car_park_url, "reservations", "cancel", "1").stdout
    assert json.loads(invoke(car_park_url, "reservations", "list", "--json").stdout) == []
    ended = json.loads(invoke(car_park_url, "reservations", "list", "--ended", "--json").stdout)
    assert [one["status"] for one in ended] == ["cancelled"]


@pytest.mark.parametrize(
    ("place", "start", "sentence"),
    [
        ("central", "2099-07-01T10:00", "'central' names no space and no zone: write SITE/ZONE/SPACE or SITE/ZONE.\n"),
        ("central/level-1", "noon", "'noon' is no time: write it as 2026-12-01T08:00 or 2026-12-01T08:00:00+01:00.\n"),
    ],
)
def test_a_wrong_place_or_time_ends_the_command_with_a_sentence(
    database: str, place: str, start: str, sentence: str
) -> None:
    done = invoke(database, "reservations", "create", place, "--from", start, "--until", "2099-07-01T12:00")
    assert (done.returncode, done.stderr) == (1, sentence)
