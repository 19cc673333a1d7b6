"""The rules that find and end the problems of devices."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.conformance import NOON
from parking_gateway.core.events import DevEui
from parking_gateway.core.problems import (
    PERCENT_TO_END,
    RULES,
    VOLTS_TO_END,
    Facts,
    Limits,
    Problem,
    Quiet,
    is_stuck,
    judged,
)
from parking_gateway.core.space import Contact, SpaceId

DEVICE = DevEui("a84041000181c061")
HOUR = timedelta(hours=1)
LIMITS = Limits(battery_volts={"volts": 2.9}, stuck_factors={"long_stay": 9.0})


def facts(**known: Any) -> Facts:
    """A device that was heard at noon, and these facts."""
    return Facts(dev_eui=DEVICE, heard_at=NOON, **known)


@pytest.mark.parametrize(
    ("known", "problems"),
    [
        ({}, set()),
        ({"contact": Contact.LOST}, {Problem.SILENT}),
        ({"is_assigned": False}, {Problem.UNASSIGNED}),
        ({"is_assigned": False, "has_codec": False, "undecodable": 3}, {Problem.UNASSIGNED}),
        ({"has_codec": False}, {Problem.NO_CODEC}),
        ({"has_codec": False, "contact": Contact.NEVER}, set()),
        ({"undecodable": 2}, set()),
        ({"undecodable": 3}, {Problem.UNDECODABLE}),
        ({"undecodable": 1, "problems": frozenset({Problem.UNDECODABLE})}, {Problem.UNDECODABLE}),
        ({"problems": frozenset({Problem.UNDECODABLE})}, set()),
        ({"fault": "RTC"}, {Problem.FAULT}),
        ({"fault": "RTC", "fault_at": NOON - 23 * HOUR}, {Problem.FAULT}),
        ({"fault": "RTC", "fault_at": NOON - 24 * HOUR}, set()),
        ({"fault": "battery low, obstructed"}, {Problem.FAULT, Problem.BATTERY_LOW}),
        ({"fault": "battery low"}, {Problem.BATTERY_LOW}),
        ({"tamper": True}, {Problem.TAMPER}),
        ({"tamper": False}, set()),
        ({"tamper": True, "tamper_at": NOON - 24 * HOUR}, set()),
        ({"battery_percent": 21}, set()),
        ({"battery_percent": 20}, {Problem.BATTERY_LOW}),
        ({"battery_volts": 2.9, "codec": "volts"}, {Problem.BATTERY_LOW}),
        ({"battery_volts": 2.91, "codec": "volts"}, set()),
        ({"battery_volts": 2.0, "codec": "other"}, set()),
        ({"battery_volts": 2.0}, set()),
        ({"battery_volts": 2.0, "codec": "volts", "battery_percent": 80}, set()),
        ({"missing": 2, "recorded": 0}, set()),
        ({"missing": 3, "recorded": 27}, {Problem.UPLINKS_LOST}),
        ({"missing": 3, "recorded": 28}, set()),
    ],
)
def test_each_rule_finds_its_problem(known: dict[str, Any], problems: set[Problem]) -> None:
    assert judged(facts(**known), LIMITS) == problems


def test_silence_ends_no_fault() -> None:
    """A device is heard for as long without the fault, or the fault lasts."""
    known = facts(fault="RTC", fault_at=NOON - HOUR)
    assert judged(known, LIMITS) == {Problem.FAULT}


@given(
    values=st.lists(st.floats(2.91, 2.9 + VOLTS_TO_END), min_size=1),
    is_low=st.booleans(),
)
def test_a_battery_between_the_limits_changes_nothing(values: list[float], *, is_low: bool) -> None:
    has = frozenset({Problem.BATTERY_LOW} if is_low else ())
    for value in values:
        found = judged(facts(battery_volts=value, codec="volts", problems=has), LIMITS)
        assert found == has
        has = found


@given(percents=st.lists(st.integers(21, 20 + PERCENT_TO_END), min_size=1), is_low=st.booleans())
def test_percent_between_the_limits_changes_nothing(percents: list[int], *, is_low: bool) -> None:
    has = frozenset({Problem.BATTERY_LOW} if is_low else ())
    for percent in percents:
        assert judged(facts(battery_percent=percent, problems=has), LIMITS) == has


@given(
    missing=st.integers(0, 100),
    recorded=st.integers(0, 1000),
    undecodable=st.integers(0, 3),
    percent=st.none() | st.integers(0, 100),
    contact=st.sampled_from(Contact),
    is_assigned=st.booleans(),
    has_codec=st.booleans(),
    had=st.frozensets(st.sampled_from(list(RULES))),
)
def test_judging_again_changes_nothing(had: frozenset[Problem], **known: Any) -> None:
    """What has begun does not end by the same facts, and what has ended does not begin by them."""
    known["battery_percent"] = known.pop("percent")
    once = judged(facts(problems=had, **known), LIMITS)
    assert judged(facts(problems=once, **known), LIMITS) == once


@given(
    missing=st.integers(0, 100),
    recorded=st.integers(0, 1000),
    undecodable=st.integers(0, 3),
    battery_percent=st.none() | st.integers(0, 100),
    had=st.frozensets(st.sampled_from(list(RULES))),
)
def test_a_problem_lasts_wherever_it_would_begin(had: frozenset[Problem], **known: Any) -> None:
    assert judged(facts(**known), LIMITS) <= judged(facts(problems=had, **known), LIMITS)


def quiet(hours: float, *, busy_hours: float | None = 2, neighbours: int = 4, **more: Any) -> Quiet:
    """A space without a change for so many hours. Its neighbours have changed often since so many hours."""
    return Quiet(
        dev_eui=DEVICE,
        space=SpaceId(1),
        purpose=more.get("purpose"),
        since=NOON - hours * HOUR,
        neighbours=neighbours,
        busy_since=None if busy_hours is None else NOON - busy_hours * HOUR,
        is_stuck=more.get("is_stuck", False),
    )


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (quiet(8), True),
        (quiet(7.9), False),  # the floor
        (quiet(71, purpose="long_stay"), False),
        (quiet(72, purpose="long_stay"), True),
        (quiet(12, busy_hours=12), False),  # by night
        (quiet(12, busy_hours=None), False),
        (quiet(12, neighbours=3), False),
        (quiet(12, busy_hours=None, is_stuck=True), True),  # only a change ends it
        (quiet(1, is_stuck=True), False),
    ],
)
def test_a_sensor_is_stuck_if_its_neighbours_changed_often_meanwhile(space: Quiet, *, expected: bool) -> None:
    assert is_stuck(space, LIMITS, now=NOON) is expected


def test_a_device_without_a_space_is_not_stuck() -> None:
    unassigned = Quiet(
        dev_eui=DEVICE, space=None, purpose=None, since=None, neighbours=0, busy_since=None, is_stuck=True
    )
    assert not is_stuck(unassigned, LIMITS, now=NOON)


@given(
    hours=st.floats(0, 500), busy=st.none() | st.floats(0, 500), neighbours=st.integers(0, 50), later=st.floats(0, 500)
)
def test_a_stuck_sensor_stays_stuck_until_it_changes(
    hours: float, busy: float | None, neighbours: int, later: float
) -> None:
    found = is_stuck(quiet(hours, busy_hours=busy, neighbours=neighbours), LIMITS, now=NOON)
    still = quiet(hours, busy_hours=None, neighbours=neighbours, is_stuck=found)
    assert is_stuck(still, LIMITS, now=NOON + later * HOUR) is found
