"""Maps the values at the declared paths to a reading. A value that is not as declared is refused.

A value that is no measurement, because it is one of `none` or beyond the declared `range`, is None. Where the occupancy comes
from the distance, the reading then has a fault, unless the device reports one itself. A low battery does not explain a missing
distance, so it stays beside that fault.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec

from decoders import Reading, Undecodable
from decoders.measuring import NO_ECHO, OUT_OF_RANGE, faults
from decoders.readings import LONGEST_FAULT, RANGES, WHOLE
from parking_gateway.core.problems import BATTERY_FAULT
from parking_gateway.decoding.declared.declaration import (
    FieldSource,
    FieldSources,
    NumberSource,
    Scalar,
    comparable,
    meanings,
)

_SHOWN: Final = 60
_DECIMALS: Final = 6
"""Enough for any sensor. Further decimals come from rounding: 3300 x 0.001 is 3.3000000000000003."""
NUMBER: Final = re.compile(r"\s*([-+]?\d{1,15}(?:\.\d{1,15})?)(?![\d.,:/-])")
"""The number that a text begins with. A time, a date and `1,234` do not begin with a number."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a reading, the path of its value, and the conversion from the value to the field."""

    name: str
    path: str
    convert: Callable[[Scalar], Any]
    """Raises `Undecodable`."""
    explain: Callable[[Scalar], str] | None = None
    """The fault of a reading that lacks this field. None: it is no fault."""


def fields(sources: FieldSources) -> tuple[Field, ...]:
    """Return all declared fields."""
    found = []
    for name, source in sources.by_field().items():
        known = meanings(source)
        decides = name == "distance_mm" and sources.decides_by_distance
        found.append(
            Field(
                name=name,
                path=source.path,
                convert=partial(_convert, source, known, _conversion_of(name)),
                explain=partial(_no_distance, known) if decides else None,
            )
        )
    return tuple(found)


def reading(declared: tuple[Field, ...], values: Mapping[str, Scalar | None]) -> Reading:
    """Return the reading of these values, which are given by path. None stands for no value. Raises `Undecodable`."""
    found: dict[str, Any] = {}
    fault = None
    for field in declared:
        value = values.get(field.path)
        if value is None:
            continue
        found[field.name] = converted = field.convert(value)
        if converted is None and field.explain:
            fault = field.explain(value)
    if found.get("tamper"):
        found.pop("distance_mm", None)
    if fault and (own := found.get("fault")) in {None, BATTERY_FAULT}:
        found["fault"] = faults(own, fault)
    return Reading(**found)


def scalar_at(data: Any, path: str) -> Scalar | None:
    """Return the value at a path in JSON; None if there is none. Raises `Undecodable` for a list or an object."""
    for name in path.split("."):
        match data:
            case dict():
                data = data.get(name)
            case list():
                is_there = name.isdecimal() and int(name) < len(data)
                data = data[int(name)] if is_there else None
            case None:
                return None
            case _:
                raise Undecodable(f"{path} leads through {json_text(data)}, which is no object")
    if isinstance(data, dict | list):
        raise Undecodable(f"{path} is {json_text(data)}")
    scalar: Scalar | None = data
    return scalar


def json_text(value: object) -> str:
    """Return the JSON of a value for a message, cut after some characters."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case float() if value.is_integer():
            value = int(value)  # JSON does not distinguish 7 and 7.0
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


Conversion = Callable[[FieldSource, Scalar], Any]
"""Converts a value without a declared meaning."""


def _convert(
    source: FieldSource, known: Mapping[tuple[str, Scalar], Any], conversion: Conversion, value: Scalar
) -> Any:
    key = comparable(value)
    return known[key] if key in known else conversion(source, value)


def _conversion_of(name: str) -> Conversion:
    match name:
        case "occupancy" | "tamper":
            return _unknown
        case "at":
            return _time
        case "fault":
            return _fault
        case _:
            return partial(_number, name)


def _unknown(source: FieldSource, value: Scalar) -> Any:
    raise Undecodable(f"{source.path} is {json_text(value)}, which is not a declared value")


def _no_distance(known: Mapping[tuple[str, Scalar], Any], value: Scalar) -> str:
    return NO_ECHO if comparable(value) in known else OUT_OF_RANGE


def _number(name: str, source: FieldSource, value: Scalar) -> float | int | None:
    number = _scaled(source, value)
    if isinstance(source, NumberSource) and source.range is not None:
        least, most = source.range
        if not least <= number <= most:
            return None
    lowest, highest = RANGES[name]
    if not lowest <= number <= highest:
        raise Undecodable(f"{source.path} is {json_text(value)}: {name} is {lowest} to {highest}, not {number}")
    return round(number) if name in WHOLE else number


def _scaled(source: FieldSource, value: Scalar) -> float:
    if isinstance(value, str) and isinstance(source, NumberSource) and source.text and (begin := NUMBER.match(value)):
        value = float(begin[1])
    if isinstance(value, bool | str) or not isinstance(source, NumberSource):
        raise Undecodable(f"{source.path} is {json_text(value)}, which is no number")
    try:
        number = float(value) * source.factor + source.offset
    except OverflowError:  # a whole number beyond any float
        number = math.inf
    if not math.isfinite(number):
        raise Undecodable(f"{source.path} is {json_text(value)}, which is too large for a number")
    return round(number, _DECIMALS)


def _time(source: FieldSource, value: Scalar) -> datetime:
    seconds = None if isinstance(value, str) else _scaled(source, value)
    try:
        time = msgspec.convert(value, datetime) if seconds is None else datetime.fromtimestamp(seconds, UTC)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # invalid times, and years outside the calendar
        pass
    raise Undecodable(f"{source.path} is {json_text(value)}, which is no time with a time zone")


def _fault(source: FieldSource, value: Scalar) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_FAULT or not value.isprintable():
        raise Undecodable(
            f"{source.path} is {json_text(value)}, which is no text of up to {LONGEST_FAULT} printable characters"
        )
    return value or None
