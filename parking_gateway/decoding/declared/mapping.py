"""From the values that lie at the declared places to a reading. What is not as declared is refused, never guessed."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec

from decoders import Reading, Undecodable
from decoders.readings import LONGEST_FAULT, RANGES, WHOLE
from parking_gateway.decoding.declared.declaration import NumberSource, Source, Sources, Word, comparable, meanings

_SHOWN: Final = 60
_DECIMALS: Final = 6
"""Enough for any sensor. What a factor adds beyond is noise: 3300 x 0.001 is 3.3000000000000003."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a reading, the place of its value, and what makes the one of the other."""

    name: str
    path: str
    read: Callable[[Word], Any]
    """Raises `Undecodable`."""


def fields(sources: Sources) -> tuple[Field, ...]:
    """Every field that is declared."""
    return tuple(
        Field(name=name, path=source.path, read=partial(_read, source, meanings(source), _otherwise(name)))
        for name, source in sources.declared().items()
    )


def reading(declared: tuple[Field, ...], said: Mapping[str, Word | None]) -> Reading:
    """What was said, by path: where there is nothing, or null, nothing was. Raises `Undecodable`."""
    values = ((field, said.get(field.path)) for field in declared)
    return Reading(**{field.name: field.read(value) for field, value in values if value is not None})


def word_at(data: Any, path: str) -> Word | None:
    """What lies at a path in values of JSON, None where nothing does. Raises `Undecodable` for a list or an object."""
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
                raise Undecodable(f"{path} leads through {shown(data)}, which is no object")
    if isinstance(data, dict | list):
        raise Undecodable(f"{path} is {shown(data)}")
    word: Word | None = data
    return word


def shown(value: object) -> str:
    """A value of JSON in a sentence, and not all of it."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case float() if value.is_integer():
            value = int(value)  # 7 and 7.0 are one number to JSON
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


Otherwise = Callable[[Source, Word], Any]
"""What reads a value that has no meaning of its own."""


def _read(source: Source, known: Mapping[tuple[str, Word], Any], otherwise: Otherwise, value: Word) -> Any:
    key = comparable(value)
    return known[key] if key in known else otherwise(source, value)


def _otherwise(name: str) -> Otherwise:
    match name:
        case "occupancy" | "tamper":
            return _unknown
        case "at":
            return _moment
        case "fault":
            return _fault
        case _:
            return partial(_number, name)


def _unknown(source: Source, value: Word) -> Any:
    raise Undecodable(f"{source.path} is {shown(value)}, and what that means is not declared")


def _number(name: str, source: Source, value: Word) -> float | int:
    number = _scaled(source, value)
    lowest, highest = RANGES[name]
    if not lowest <= number <= highest:
        raise Undecodable(f"{source.path} is {shown(value)}: {name} is {lowest} to {highest}, not {number}")
    return round(number) if name in WHOLE else number


def _scaled(source: Source, value: Word) -> float:
    if isinstance(value, bool | str) or not isinstance(source, NumberSource):
        raise Undecodable(f"{source.path} is {shown(value)}, which is no number")
    try:
        number = float(value) * source.factor + source.offset
    except OverflowError:  # of a whole number that no float can hold
        number = math.inf
    if not math.isfinite(number):
        raise Undecodable(f"{source.path} is {shown(value)}, which is no number that can be reckoned with")
    return round(number, _DECIMALS)


def _moment(source: Source, value: Word) -> datetime:
    seconds = None if isinstance(value, str) else _scaled(source, value)
    try:
        moment = msgspec.convert(value, datetime) if seconds is None else datetime.fromtimestamp(seconds, UTC)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # what is no time, and years that no calendar here has
        pass
    raise Undecodable(f"{source.path} is {shown(value)}, which is no time with a zone")


def _fault(source: Source, value: Word) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_FAULT or not value.isprintable():
        raise Undecodable(
            f"{source.path} is {shown(value)}, which is no text of up to {LONGEST_FAULT} printable characters"
        )
    return value or None
