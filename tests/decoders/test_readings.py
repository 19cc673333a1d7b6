"""The values of a reading: a field of a wrong type refuses all of it, an impossible number alone is dropped."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy, Reading
from decoders.conformance import NOON
from decoders.readings import LONGEST_FAULT, MOST_PAST, RANGES, WHOLE, WrongReading, checked, of_channel


class Level(IntEnum):
    """An `int` of another class."""

    LOW = 1


class Mine(Reading, frozen=True):
    """A `Reading` of another class."""


OCCUPIED = Reading(occupancy=Occupancy.OCCUPIED)
NAN, INFINITY = float("nan"), float("inf")
PAST = Reading(at=NOON, occupancy=Occupancy.VACANT)


def reading_with(**fields: Any) -> Reading:
    return msgspec.structs.replace(OCCUPIED, **fields)


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (None, "decode returned NoneType, not Reading"),
        ({"occupancy": "occupied"}, "decode returned dict, not Reading"),
        (Mine(), "decode returned Mine, not Reading"),
        (Reading, "decode returned StructMeta, not Reading"),
        (reading_with(occupancy="occupied"), "occupancy has the type str, not Occupancy"),
        (reading_with(occupancy=True), "occupancy has the type bool, not Occupancy"),
        (reading_with(at=datetime(2026, 11, 23)), "at has no time zone"),  # noqa: DTZ001 - that is the mistake
        (reading_with(at="2026-11-23T12:00:00Z"), "at has the type str, not datetime"),
        (reading_with(at=1_795_000_000), "at has the type int, not datetime"),
        (reading_with(battery_volts=NAN), "battery_volts is nan"),
        (reading_with(battery_percent=INFINITY), "battery_percent is inf"),
        (reading_with(temperature_celsius=-INFINITY), "temperature_celsius is -inf"),
        (reading_with(confidence=NAN), "confidence is nan"),
        (reading_with(battery_volts="3.6"), "battery_volts has the type str, not float"),
        (reading_with(battery_percent=True), "battery_percent has the type bool, not float"),
        (reading_with(distance_mm=1500.0), "distance_mm has the type float, not int"),
        (reading_with(distance_mm=NAN), "distance_mm has the type float, not int"),
        (reading_with(counter=True), "counter has the type bool, not int"),
        (reading_with(counter=Level.LOW), "counter has the type Level, not int"),
        (reading_with(fault=b"hot"), "fault has the type bytes, not str"),
        (reading_with(channels=[PAST]), "channels has the type list, not dict"),
        (reading_with(channels={"1": PAST}), "channels has the key '1', not a number from 1 to 255"),
        (reading_with(channels={True: PAST}), "channels has the key True, not a number from 1 to 255"),
        (reading_with(channels={0: PAST}), "channels has the key 0, not a number from 1 to 255"),
        (reading_with(channels={1: None}), "channels contains NoneType, not only Reading"),
        (reading_with(channels={1: Reading(past=(PAST,))}), "a reading in channels has channels or a past of its own"),
        (reading_with(channels={1: Reading(channels={})}), "a reading in channels has channels or a past of its own"),
        (reading_with(channels={1: Reading(tamper=1)}), "in channels: tamper has the type int, not bool"),  # type: ignore[arg-type]
        (reading_with(tamper=1), "tamper has the type int, not bool"),
        (reading_with(past=[PAST]), "past has the type list, not tuple"),
        (reading_with(past=None), "past has the type NoneType, not tuple"),
        (reading_with(past=(PAST,) * (MOST_PAST + 1)), "past has 257 readings, at most 256 are allowed"),
        (reading_with(past=(None,)), "past contains NoneType, not only Reading"),
        (reading_with(past=(PAST, Reading(at=NOON, battery_volts=NAN))), "in past: battery_volts is nan"),
        (reading_with(past=(Reading(at=NOON, past=(PAST,)),)), "a reading in past has a past of its own"),
    ],
)
def test_a_wrong_reading_is_refused_and_its_field_is_named(reading: object, why: str) -> None:
    with pytest.raises(WrongReading) as refused:
        checked(reading)
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
def test_an_impossible_number_is_dropped_and_the_rest_stays(field: str, number: float) -> None:
    """It only accompanies the occupancy. The same holds for readings of the past."""
    assert checked(reading_with(**{field: number})) == OCCUPIED
    assert checked(reading_with(past=(msgspec.structs.replace(PAST, **{field: number}),))) == reading_with(past=(PAST,))


def test_a_good_reading_stays_as_it_is() -> None:
    good = reading_with(
        at=NOON, fault="too hot", tamper=False, distance_mm=1500, counter=7, confidence=0.5, past=(PAST,)
    )
    assert checked(good) == good
    assert checked(OCCUPIED) is OCCUPIED
    of_channels = Reading(channels={1: OCCUPIED, 255: Reading(distance_mm=790, counter_in=3)})
    assert checked(of_channels) is of_channels


def test_an_impossible_number_of_a_channel_is_dropped_as_well() -> None:
    assert checked(Reading(channels={4: Reading(distance_mm=0, counter_in=3)})) == Reading(
        channels={4: Reading(counter_in=3)}
    )


def test_a_channel_has_its_own_reading_and_what_belongs_to_the_device() -> None:
    frame = Reading(
        occupancy=Occupancy.OCCUPIED,
        battery_volts=3.4,
        tamper=True,
        channels={1: Reading(distance_mm=790), 2: Reading(battery_volts=2.9)},
        past=(PAST,),
    )
    assert of_channel(frame, 0) is frame
    assert of_channel(frame, 1) == Reading(distance_mm=790, battery_volts=3.4, tamper=True)
    assert of_channel(frame, 2) == Reading(battery_volts=2.9, tamper=True)
    assert of_channel(frame, 3) == of_channel(Reading(battery_volts=3.4, tamper=True), 1)


@pytest.mark.parametrize("field", RANGES)
def test_the_bounds_of_a_number_and_zero_are_possible(field: str) -> None:
    for number in (*RANGES[field], 1 if field in WHOLE else 0.0):
        reading = reading_with(**{field: number})
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
    assert checked(reading_with(fault=fault)) == reading_with(fault=kept)


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
def test_a_time_becomes_utc_and_one_that_utc_lacks_is_dropped(at: datetime, kept: datetime | None) -> None:
    found = checked(reading_with(at=at))
    assert found == reading_with(at=kept)
    assert found.at is None or found.at.tzinfo is UTC


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.sampled_from([*Occupancy, Reading(), (), (PAST,), (1,), [], {}, {1: PAST}, {2: 7}, object()]),
    st.datetimes(timezones=st.none() | st.timezones() | st.sampled_from([UTC, timezone(timedelta(hours=14))])),
)


@given(fields=st.dictionaries(st.sampled_from(Reading.__struct_fields__), anything))
def test_any_reading_can_be_stored_or_is_refused(fields: dict[str, Any]) -> None:
    """A checked reading has fields of the declared types, finite numbers and no NUL."""
    try:
        kept = checked(Reading(**fields))
    except WrongReading:
        return
    assert msgspec.convert(msgspec.to_builtins(kept), Reading, str_keys=True) == kept
    assert checked(kept) is kept
    encode: Callable[[object], bytes] = msgspec.json.encode
    assert b"\\u0000" not in encode(kept).replace(b"\\\\", b"")
