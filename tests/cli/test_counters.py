"""Commands about counted zones."""

import asyncio
import json

import pytest

from tests.cli.test_register import invoke
from tests.plugins.car_park import CarPark

COUNTER = "24e124a84041000d"


async def test_a_zone_is_counted_by_commands(database: str, car_park: CarPark) -> None:
    await car_park(1)
    zone = "central/level-1"
    commands = (
        ("zones", "set", zone, "capacity=40", "resets_at=03:30"),
        (
            "zones",
            "counter",
            "add",
            COUNTER,
            zone,
            "--codec",
            "milesight_vs133",
            "--option",
            "port=86",
            "--direction",
            "in",
        ),
        ("zones", "set-count", zone, "37"),
        ("zones", "counter", "list"),
        ("zones", "counter", "remove", COUNTER),
    )
    results = [await asyncio.to_thread(invoke, database, *one) for one in commands]
    assert [one.returncode for one in results] == [0] * len(commands), [one.stderr for one in results]
    assert [one.stdout.strip() for one in results[1:3]] == [
        f"{COUNTER} counts {zone}: in.",
        f"{zone}: 37, before it was 0 with a drift of 0.",
    ]
    assert f"{zone}\t{COUNTER}\t0\tin\tmilesight_vs133" in results[3].stdout
    assert results[4].stdout == f"{COUNTER} counts no zone any more.\n"


async def test_what_scripts_read_is_json(database: str, car_park: CarPark) -> None:
    await car_park(1)
    await asyncio.to_thread(invoke, database, "zones", "set", "central/level-1", "capacity=40")
    added, done, listed, removed = [
        json.loads((await asyncio.to_thread(invoke, database, "zones", *arguments, "--json")).stdout)
        for arguments in (
            ("counter", "add", COUNTER, "central/level-1"),
            ("set-count", "central/level-1", "3"),
            ("counter", "list"),
            ("counter", "remove", COUNTER),
        )
    ]
    assert added == {"dev_eui": COUNTER, "channel": 0, "direction": "both"}
    assert done == {"before": 0, "count": 3, "drift": 0}
    assert [(one["zone"], one["dev_eui"]) for one in listed] == [("level-1", COUNTER)]
    assert removed == {"dev_eui": COUNTER, "channel": 0}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("set-count", "central", "3"), "'central' names no zone: write SITE/ZONE."),
        (("counter", "remove", COUNTER), f"{COUNTER} counts no zone: `parking-gateway zones counter list`."),
    ],
)
def test_what_cannot_be_is_one_sentence(database: str, arguments: tuple[str, ...], sentence: str) -> None:
    refused = invoke(database, "zones", *arguments)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].endswith(sentence)
