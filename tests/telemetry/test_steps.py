"""Changes of spaces in the log: by their names, and a limited number in a minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from loguru import logger

from parking_gateway.core.due import DueSpace, DueStep
from parking_gateway.core.space import SpaceState
from parking_gateway.telemetry.prose import in_words
from parking_gateway.telemetry.steps import MOST, Steps
from tests.due import SPACE
from tests.events import NOON

UPLINK = "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"
STEP = DueStep(id=1, before=SpaceState.FREE, after=SpaceState.OCCUPIED, at=NOON, cause=UPLINK)


class Clock:
    """A time that the test sets."""

    now = NOON

    def __call__(self) -> datetime:
        """The time."""
        return self.now


def space(*steps: DueStep) -> DueSpace:
    return msgspec.structs.replace(SPACE, cause=UPLINK, steps=steps)


@pytest.fixture
def words() -> Iterator[list[str]]:
    """The lines in words."""
    found: list[str] = []

    def take(line: Any) -> None:
        found.append(in_words(line.record["message"], line.record["extra"]) or "")

    handler = logger.add(take, level="INFO")
    yield found
    logger.remove(handler)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "central/level-1/A-012 FREE → OCCUPIED"),
        ({"cause": "anna"}, "central/level-1/A-012 FREE → OCCUPIED (anna)"),
        ({"at": NOON - timedelta(hours=1)}, f"central/level-1/A-012 FREE → OCCUPIED at {NOON:%F} 11:00:00 UTC"),
        ({"corrects": 7}, "Corrected, because an uplink came late: central/level-1/A-012 FREE → OCCUPIED"),
        ({"is_withdrawn": True}, "Withdrawn, because an uplink came late: central/level-1/A-012 FREE → OCCUPIED"),
    ],
)
def test_a_change_has_the_names_of_its_space(words: list[str], changed: dict[str, Any], expected: str) -> None:
    Steps(Clock()).published([space(msgspec.structs.replace(STEP, **changed))])
    assert words == [expected]


def test_a_city_gets_so_many_lines_a_minute_and_the_number_of_all_others(words: list[str]) -> None:
    clock = Clock()
    steps = Steps(clock)
    for _ in range(10):
        steps.published([space(STEP, STEP)] * 50)
        steps.expire()
    assert len(words) == MOST
    clock.now += timedelta(minutes=1)
    steps.expire()
    steps.expire()
    left_out = "940 more changes of spaces within a minute: the table transition has all of them"
    assert words[MOST:] == [left_out]
    steps.published([space(STEP)])
    assert words[MOST:] == [left_out, "central/level-1/A-012 FREE → OCCUPIED"]
