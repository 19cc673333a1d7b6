"""The commands that carry out requests: the same verbs as over MQTT."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.cli.test_register import invoke
from tests.plugins.car_park import BUILD


@pytest.fixture
def car_park_url(database: str) -> str:
    """The URL of a database with three spaces."""
    with psycopg.connect(database) as connection:
        for statement in BUILD:
            connection.execute(statement.format(spaces=3).encode())
    return database


def test_a_zone_goes_out_of_service_and_one_space_of_it_back(car_park_url: str) -> None:
    done = invoke(car_park_url, "maintenance", "on", "central/level-1", "--reason", "wet paint", "--until", "3h")
    assert (done.returncode, done.stdout) == (0, "3 spaces of 3 changed.\n")
    done = invoke(car_park_url, "maintenance", "off", "central/level-1/A-2", "--json")
    assert json.loads(done.stdout) == {"spaces": 1, "changed": 1}
    shown = json.loads(invoke(car_park_url, "spaces", "show", "central/level-1/A-1", "--json").stdout)
    assert (shown["state"], shown["maintenance_reason"]) == ("MAINTENANCE", "wet paint")
    assert 2.9 < (datetime.fromisoformat(shown["maintenance_until"]) - datetime.now(UTC)) / timedelta(hours=1) < 3
    assert shown["cause"].startswith("maintenance by ")
    table = dict(
        line.split("\t") for line in invoke(car_park_url, "spaces", "show", "central/level-1/A-2").stdout.splitlines()
    )
    assert (table["state"], table["previous"]) == ("FREE", "MAINTENANCE")
    asked = invoke(car_park_url, "request", "zone/maintenance", '{"site": "central", "zone": "level-1", "on": false}')
    assert json.loads(asked.stdout) == {"spaces": 3, "changed": 2}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("maintenance", "on", "central//A-1"),
            "'central//A-1' names no place: write SITE, SITE/ZONE or SITE/ZONE/SPACE.\n",
        ),
        (("maintenance", "on", "centrl"), "There is no site centrl: did you mean central?\n"),
        (
            ("maintenance", "on", "central", "--until", "soon"),
            "'soon' is no time: write it as 2026-03-01, 2026-03-01T08:00Z, or a span such as 90min, 12h or 3d.\n",
        ),
        (("request", "space/get", "[]"), "'[]' is no JSON object.\n"),
        (("spaces", "show", "central"), "'central' names no space: write SITE/ZONE/SPACE.\n"),
    ],
)
def test_a_wrong_place_ends_the_command_with_a_sentence(
    car_park_url: str, arguments: tuple[str, ...], sentence: str
) -> None:
    done = invoke(car_park_url, *arguments)
    assert (done.returncode, done.stderr) == (1, sentence)


def test_places_are_set_renamed_and_removed(car_park_url: str) -> None:
    done = invoke(car_park_url, "zones", "set", "central/level-1", "max_stay=7200", "stay_limits=ev 08:00-18:00 3600")
    assert done.stdout == "central/level-1 has these settings now.\n"
    listed = invoke(car_park_url, "zones", "list").stdout.splitlines()
    assert listed[1].split("\t")[:5] == ["central", "level-1", "3", "7200", "ev 08:00-18:00 3600"]
    done = invoke(car_park_url, "spaces", "rename", "central/level-1/A-1", "central/level-1/B-1")
    assert done.stdout == "Renamed: central/level-1/A-1 is central/level-1/B-1 now.\n"
    done = invoke(car_park_url, "sites", "remove", "central", "--with-spaces", "--dry-run")
    assert done.stdout.splitlines()[0] == "Removed: the space central/level-1/B-1."
    assert done.stdout.splitlines()[-1] == "This was a dry run: nothing was changed."
