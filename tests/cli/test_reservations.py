"""The commands about reservations."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def test_a_calendar_is_imported_again_and_reservations_are_exported(car_park_url: str, tmp_path: Path) -> None:
    file = tmp_path / "meetings.ics"
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    times = (f"DTSTART:{tomorrow:%Y%m%d}T100000", f"DTEND:{tomorrow:%Y%m%d}T120000", "SUMMARY:Ms Vega")
    lines = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:a", *times, "END:VEVENT", "END:VCALENDAR")
    file.write_text("\n".join(lines))
    command = ("reservations", "import", str(file), "--zone", "central/level-1")
    assert invoke(car_park_url, *command, "--dry-run").stdout.splitlines() == [
        "1 created, 0 moved, 0 cancelled, 0 unchanged.",
        "This was a dry run: nothing was changed.",
    ]
    assert invoke(car_park_url, *command).stdout == "1 created, 0 moved, 0 cancelled, 0 unchanged.\n"
    again = json.loads(invoke(car_park_url, *command, "--json").stdout)
    assert again == {"dry_run": False, "created": 0, "moved": 0, "cancelled": 0, "unchanged": 1, "refused": []}
    exported = invoke(car_park_url, "reservations", "export", "--of", "central").stdout
    assert "SUMMARY:Ms Vega" in exported
    assert "LOCATION:central/level-1/A-1" in exported
    file.write_text(file.read_text().replace("T120000", "T100000"))
    refused = invoke(car_park_url, *command)
    assert (refused.returncode, refused.stdout) == (1, "0 created, 0 moved, 1 cancelled, 0 unchanged.\n")
    assert refused.stderr.endswith(" UTC (a) has no duration\n")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ((), "Say whose calendar it is: --space SITE/ZONE/SPACE or --zone SITE/ZONE.\n"),
        (("--space", "central"), "'central' names no space: write SITE/ZONE/SPACE.\n"),
        (("--zone", "central"), "'central' names no zone: write SITE/ZONE.\n"),
    ],
)
def test_a_calendar_of_nobody_is_refused(database: str, tmp_path: Path, place: tuple[str, ...], sentence: str) -> None:
    done = invoke(database, "reservations", "import", str(tmp_path / "none.ics"), *place)
    assert (done.returncode, done.stderr) == (1, sentence)


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
