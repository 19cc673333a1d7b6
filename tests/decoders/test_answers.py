"""What a codec may answer: the structure is right or all is refused; a number that cannot be is dropped, and the rest stays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy, Reading
from decoders.answers import LONGEST_FAULT, MOST_PAST, RANGES, WHOLE, WrongAnswer, checked
from decoders.conformance import NOON


class Level(IntEnum):
    """A whole number with a name."""

    LOW = 1


class Mine(Reading, frozen=True):
    """A reading of a class of its own."""


OCCUPIED = Reading(occupancy=Occupancy.OCCUPIED)
NAN, INFINITY = float("nan"), float("inf")
PAST = Reading(at=NOON, occupancy=Occupancy.VACANT)


def said(**fields: Any) -> Reading:
    return msgspec.structs.replace(OCCUPIED, **fields)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "it answers NoneType, not a Reading"),
        ({"occupancy": "occupied"}, "it answers dict, not a Reading"),
        (Mine(), "it answers Mine, not a Reading"),
        (Reading, "it answers StructMeta, not a Reading"),
        (said(occupancy="occupied"), "occupancy is of the type str, not Occupancy"),
        (said(occupancy=True), "occupancy is of the type bool, not Occupancy"),
        (said(at=datetime(2026, 11, 23)), "its time has no zone"),  # noqa: DTZ001 - that is the mistake
        (said(at="2026-11-23T12:00:00Z"), "at is of the type str, not datetime"),
        (said(at=1_795_000_000), "at is of the type int, not datetime"),
        (said(battery_volts=NAN), "battery_volts is nan"),
        (said(battery_percent=INFINITY), "battery_percent is inf"),
        (said(temperature_celsius=-INFINITY), "temperature_celsius is -inf"),
        (said(confidence=NAN), "confidence is nan"),
        (said(battery_volts="3.6"), "battery_volts is of the type str, not float"),
        (said(battery_percent=True), "battery_percent is of the type bool, not float"),
        (said(distance_mm=1500.0), "distance_mm is of the type float, not int"),
        (said(distance_mm=NAN), "distance_mm is of the type float, not int"),
        (said(counter=True), "counter is of the type bool, not int"),
        (said(counter=Level.LOW), "counter is of the type Level, not int"),
        (said(fault=b"hot"), "fault is of the type bytes, not str"),
        (said(tamper=1), "tamper is of the type int, not bool"),
        (said(past=[PAST]), "past is of the type list, not tuple"),
        (said(past=None), "past is of the type NoneType, not tuple"),
        (said(past=(PAST,) * (MOST_PAST + 1)), "past has 257 readings, and 256 are allowed"),
        (said(past=(None,)), "in past: it answers NoneType, not a Reading"),
        (said(past=(PAST, Reading(at=NOON, battery_volts=NAN))), "in past: battery_volts is nan"),
        (said(past=(Reading(at=NOON, past=(PAST,)),)), "a reading of the past has a past of its own"),
    ],
)
def test_a_wrong_answer_is_refused_and_its_field_is_named(answer: object, why: str) -> None:
    with pytest.raises(WrongAnswer) as refused:
        checked(answer)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *(("battery_percent", number) for number in (130, 100.1, -0.5, 255, 1e308, 10**400)),
        *(("battery_volts", number) for number in (-1, 326.16, 3e39, 1e-300, 5e-324)),
        *(("temperature_celsius", number) for number in (-300, 3276.7, 1e39, -1e-46)),
        *(("distance_mm", number) for number in (0, -1, 2**31, 2**64)),
        *(("counter", number) for number in (-1, 2**63, 10**40)),
        *(("confidence", number) for number in (1.2, -0.1, 1e-60)),
    ],
)
def test_a_number_that_cannot_be_is_dropped_and_the_rest_stays(field: str, number: float) -> None:
    """It only accompanies what the reading is for. In the past as in the present."""
    assert checked(said(**{field: number})) == OCCUPIED
    assert checked(said(past=(msgspec.structs.replace(PAST, **{field: number}),))) == said(past=(PAST,))


def test_a_good_answer_is_handed_on_as_it_is() -> None:
    good = said(at=NOON, fault="too hot", tamper=False, distance_mm=1500, counter=7, confidence=0.5, past=(PAST,))
    assert checked(good) == good
    assert checked(OCCUPIED) is OCCUPIED


@pytest.mark.parametrize("field", RANGES)
def test_the_bounds_of_a_number_and_zero_are_possible(field: str) -> None:
    for number in (*RANGES[field], 1 if field in WHOLE else 0.0):
        reading = said(**{field: number})
        assert checked(reading) is reading


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        ("too hot", "too hot"),
        ("", None),
        ("\0", None),
        ("\udcff", None),
        ("a\nb\x1b[31m\0c\ud800", "a b [31m c"),
        ("x" * 1_000_000, "x" * LONGEST_FAULT),
    ],
)
def test_a_fault_is_one_short_line_that_can_be_stored(fault: str, kept: str | None) -> None:
    assert checked(said(fault=fault)) == said(fault=kept)


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (NOON, NOON),
        (NOON.astimezone(timezone(timedelta(hours=-7))), NOON),
        (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)),
        (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), None),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), None),
    ],
)
def test_a_time_is_in_utc_and_one_that_utc_does_not_have_is_dropped(at: datetime, kept: datetime | None) -> None:
    found = checked(said(at=at))
    assert found == said(at=kept)
    assert found.at is None or found.at.tzinfo is UTC


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.sampled_from([*Occupancy, Reading(), (), (PAST,), (1,), [], {}, object()]),
    st.datetimes(timezones=st.none() | st.timezones() | st.sampled_from([UTC, timezone(timedelta(hours=14))])),
)


@given(fields=st.dictionaries(st.sampled_from(Reading.__struct_fields__), anything))
def test_whatever_is_answered_can_be_stored_or_is_refused(fields: dict[str, Any]) -> None:
    """What is kept is what its type says, and finite."""
    try:
        kept = checked(Reading(**fields))
    except WrongAnswer:
        return
    assert msgspec.convert(msgspec.to_builtins(kept), Reading) == kept
    assert checked(kept) is kept
    encode: Callable[[object], bytes] = msgspec.json.encode
    assert b"\\u0000" not in encode(kept).replace(b"\\\\", b"")
