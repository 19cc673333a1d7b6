"""From values to a reading: in our units, within the possible ranges, and without other fields."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy, Reading, Undecodable, conformance
from parking_gateway.decoding.declared.declaration import FieldSources, NumberSource
from parking_gateway.decoding.declared.mapping import fields, reading, scalar_at

NUMBERS = [
    "battery_volts",
    "battery_percent",
    "temperature_celsius",
    "distance_mm",
    "counter",
    "counter_in",
    "counter_out",
    "confidence",
    "at",
]


def read(name: str, value: Any, **source: Any) -> Any:
    """Return the field of a value at the path `x`."""
    sources = msgspec.convert({name: {"path": "x", **source}}, FieldSources)
    return getattr(reading(fields(sources), {"x": value}), name)


@pytest.mark.parametrize(
    ("name", "value", "source", "expected"),
    [
        ("battery_volts", 3300, {"factor": 0.001}, 3.3),
        ("battery_volts", 3.6, {}, 3.6),
        ("temperature_celsius", 68, {"factor": 5 / 9, "offset": -32 * 5 / 9}, 20),
        ("confidence", 87, {"factor": 0.01}, 0.87),
        ("distance_mm", 150.0, {"factor": 10}, 1500),
        ("distance_mm", 1.2345, {"factor": 1000}, 1234),
        ("distance_mm", 65535, {"none": [0, 65535]}, None),
        ("distance_mm", 0.0, {"none": [0, 65535]}, None),
        ("distance_mm", 28, {"factor": 10, "range": [280, 7500]}, 280),
        ("distance_mm", 751, {"factor": 10, "range": [280, 7500]}, None),
        ("distance_mm", -1, {"range": [280, 7500]}, None),
        ("temperature_celsius", -3276.8, {"range": [-40, 85]}, None),
        ("battery_volts", 0, {"factor": 0.001, "range": [2, 4]}, None),
        ("counter", 12, {}, 12),
        ("tamper", True, {}, True),
        ("tamper", "open", {"true": ["open", "moved"], "false": ["closed"]}, True),
        ("tamper", "closed", {"true": ["open"], "false": ["closed"]}, False),
        ("fault", "sensor blocked", {}, "sensor blocked"),
        ("fault", "", {}, None),
        ("fault", "none", {"none": ["none", "ok"]}, None),
        ("occupancy", 1.0, {"occupied": [1], "vacant": [0]}, Occupancy.OCCUPIED),
        ("occupancy", "free", {"occupied": ["busy"], "vacant": ["free", "left"]}, Occupancy.VACANT),
        ("occupancy", "learning", {"occupied": ["busy"], "vacant": ["free"], "none": ["learning"]}, None),
        ("at", 1795435200, {}, datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("at", 1795435200250, {"factor": 0.001}, datetime(2026, 11, 23, 12, 0, 0, 250000, tzinfo=UTC)),
        ("at", "2026-11-23T13:00:00+01:00", {}, datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("at", 0, {"none": [0]}, None),
        *((name, None, {}, None) for name in NUMBERS),
    ],
)
def test_a_value_is_converted_as_declared(name: str, value: Any, source: dict[str, Any], expected: Any) -> None:
    values = read(name, value, **source)
    assert values == expected
    assert type(values) is type(expected) or isinstance(values, float)


@pytest.mark.parametrize(
    ("name", "value", "source", "why"),
    [
        ("battery_percent", 101, {}, "x is 101: battery_percent is 0 to 100, not 101"),
        ("battery_percent", -1, {}, "battery_percent is 0 to 100"),
        ("confidence", 87, {}, "confidence is 0 to 1"),
        ("distance_mm", 0, {}, "x is 0: distance_mm is 1 to"),
        ("distance_mm", 0.4, {}, "distance_mm is 1 to"),
        ("temperature_celsius", -300, {}, "temperature_celsius is -273.15 to"),
        ("counter", True, {}, "x is true, which is no number"),
        ("counter", "12", {}, 'x is "12", which is no number'),
        ("battery_volts", 10**400, {}, "which is too large for a number"),
        ("battery_volts", 1e308, {"factor": 1e9}, "which is too large for a number"),
        ("occupancy", True, {"occupied": [1], "vacant": [0]}, "x is true, which is not a declared value"),
        ("occupancy", "1", {"occupied": [1], "vacant": [0]}, 'x is "1", which is not a declared value'),
        ("occupancy", 1, {"occupied": [True], "vacant": [False]}, "x is 1, which is not a declared value"),
        ("occupancy", "", {"occupied": ["a"], "vacant": ["b"]}, 'x is "", which is not a declared value'),
        ("occupancy", "y" * 500, {"occupied": ["a"], "vacant": ["b"]}, "yyy…, which is not a declared value"),
        ("tamper", 1, {}, "x is 1, which is not a declared value"),
        ("fault", True, {}, "x is true, which is no text"),
        ("fault", "a\nb", {}, "printable characters"),
        ("fault", "a\0b", {}, "printable characters"),
        ("fault", "y" * 201, {}, "which is no text of up to 200"),
        ("at", "2026-11-23T13:00:00", {}, "which is no time with a time zone"),
        ("at", "yesterday", {}, "which is no time with a time zone"),
        ("at", "0001-01-01T00:00:00+14:00", {}, "which is no time with a time zone"),
        ("at", 1e18, {}, "which is no time with a time zone"),
        ("at", True, {}, "x is true, which is no number"),
    ],
)
def test_an_impossible_value_is_refused(name: str, value: Any, source: dict[str, Any], why: str) -> None:
    with pytest.raises(Undecodable) as refusal:
        read(name, value, **source)
    assert why in str(refusal.value)


@given(
    name=st.sampled_from(NUMBERS),
    value=st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    factor=st.floats(allow_nan=False, allow_infinity=False).filter(bool),
    offset=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_value_becomes_a_possible_reading_or_a_refusal(name: str, value: Any, factor: float, offset: float) -> None:
    try:
        values = Reading(**{name: read(name, value, factor=factor, offset=offset)})
    except Undecodable:
        return
    assert list(conformance.impossible(values)) == []
    assert msgspec.convert(msgspec.to_builtins(values), Reading) == values


# --- places


DATA = {"a": {"b": [{"c": 7}, None, "t"]}, "n": None, "0": True, "length": [1, 2]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b.0.c", 7),
        ("a.b.1", None),
        ("a.b.2", "t"),
        ("a.b.3", None),
        ("a.b.-1", None),
        ("a.b.x", None),
        ("a.b.1.c", None),
        ("a.x", None),
        ("a.x.y.z", None),
        ("n.x", None),
        ("0", True),
        ("length.1", 2),
        ("a.b.²", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_none(path: str, expected: Any) -> None:
    assert scalar_at(DATA, path) == expected


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a", "a is an object"),
        ("a.b", "a.b is a list"),
        ("a.b.0.c.d", "a.b.0.c.d leads through 7, which is no object"),
        ("a.b.2.length", 'a.b.2.length leads through "t", which is no object'),
        ("0.x", "0.x leads through true, which is no object"),
    ],
)
def test_a_path_through_a_scalar_or_to_an_object_is_refused(path: str, why: str) -> None:
    with pytest.raises(Undecodable) as refusal:
        scalar_at(DATA, path)
    assert str(refusal.value) == why


def test_times_are_converted_to_utc() -> None:
    assert read("at", "2026-11-23T13:00:00+01:00").utcoffset() == timedelta(0)


DISTANCE = {"path": "d", "none": [0, 65535], "range": [280, 7500]}
OCCUPANCY = {"path": "o", "occupied": [1], "vacant": [0]}


def sources(**declared: Any) -> FieldSources:
    return msgspec.convert(declared, FieldSources)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"d": 280}, Reading(distance_mm=280)),
        ({"d": 65535}, Reading(fault="no echo")),
        ({"d": 279}, Reading(fault="distance out of range")),
        ({"d": 7501, "f": "lens dirty"}, Reading(fault="lens dirty")),
        ({"d": 65535, "f": "battery low"}, Reading(fault="battery low, no echo")),
        ({"d": 900, "t": True}, Reading(tamper=True)),
        ({"f": "lens dirty"}, Reading(fault="lens dirty")),
    ],
)
def test_a_distance_that_is_no_measurement_has_a_fault(values: dict[str, Any], expected: Reading) -> None:
    declared = fields(sources(distance_mm=DISTANCE, fault={"path": "f"}, tamper={"path": "t"}))
    assert reading(declared, values) == expected


def test_a_sensor_that_decides_itself_has_no_fault_without_a_distance() -> None:
    declared = fields(sources(distance_mm=DISTANCE, occupancy=OCCUPANCY))
    assert reading(declared, {"d": 0, "o": 1}) == Reading(occupancy=Occupancy.OCCUPIED)


AS_TEXT = fields(FieldSources(distance_mm=NumberSource(path="far", text=True)))


@pytest.mark.parametrize(("value", "distance"), [("2799 mm", 2799), ("12.4", 12), (" 7mm", 7), (300, 300), ("+5", 5)])
def test_a_number_is_read_from_the_beginning_of_a_text(value: str | float, distance: int) -> None:
    assert reading(AS_TEXT, {"far": value}).distance_mm == distance


@pytest.mark.parametrize("value", ["1,234 mm", "2026-01-01", "12:30", "No Sensor", "", "1.2.3", True])
def test_a_text_that_begins_with_no_number_is_refused(value: str | float) -> None:
    with pytest.raises(Undecodable, match="which is no number"):
        reading(AS_TEXT, {"far": value})
