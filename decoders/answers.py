"""What an answer of a codec may be: one table, for the conformance suite, for declared codecs and for the gateway.

The structure of an answer must be right, or all of it is refused. A number that only accompanies the occupancy and that no
sensor can have measured is dropped, and the rest of the answer stays.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import astuple, replace

from decoders import Occupancy, Reading

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "battery_volts": (0, 100),
    "battery_percent": (0, 100),
    "temperature_celsius": (-273.15, 1000),
    "distance_mm": (1, 1_000_000),
    "counter": (0, 2**53),
    "confidence": (0, 1),
}
"""What a number can be in our units, bounds included. Each is within its column of the database."""
WHOLE: Final = frozenset({"distance_mm", "counter"})
"""Numbers that are `int`."""
LONGEST_FAULT: Final = 200
"""Characters."""
MOST_PAST: Final = 256
"""Readings. A frame has 242 bytes at most, and each reading that it repeats takes one of them or more."""

_SMALLEST: Final = 1e-37
"""Beside 0. PostgreSQL refuses numbers that a 32-bit float cannot hold, also the smallest."""


_ALONE: Final[Mapping[Occupancy, Reading]] = {one: Reading(occupancy=one) for one in Occupancy}
"""An occupancy and nothing else."""


class WrongAnswer(ValueError):  # noqa: N818 - what it is
    """An answer is no reading, or one of its fields is of a wrong kind. The message says which."""


def checked(answer: object) -> Reading:
    """Return a codec's answer without the numbers that cannot be. Raises `WrongAnswer`.

    Times are in UTC afterwards; one that UTC does not have is dropped. A fault is one line of at most `LONGEST_FAULT`
    characters.
    """
    if type(answer) is not Reading:  # a class of its own could answer differently each time that it is asked
        raise WrongAnswer(f"it answers {type(answer).__name__}, not a Reading")
    if type(answer.occupancy) is Occupancy and answer == _ALONE[answer.occupancy]:
        return answer  # as most are: 0.15 µs
    changes: dict[str, Any] = {}
    # 0.4 µs, and 0.2 more for each number; `strict` would cost 0.1.
    for name, said in zip(_NAMES, astuple(answer)):  # noqa: B905 - the last field, `past`, has no place among the names
        if said is not None and (kept := _CHECKS[name](name, said)) is not said:
            changes[name] = kept
    if answer.past != ():
        changes["past"] = _past(answer.past)
    return replace(answer, **changes) if changes else answer


def is_possible(name: str, number: float) -> bool:
    """Say whether a sensor can have measured this. `name` is one of `RANGES`; what is not finite is not possible."""
    lowest, highest = RANGES[name]
    return lowest <= number <= highest and (number == 0 or not -_SMALLEST < number < _SMALLEST)


def _number(name: str, said: Any) -> object:
    kind, (lowest, highest) = type(said), RANGES[name]
    if kind is not int and (kind is not float or name in WHOLE):
        raise WrongAnswer(f"{name} is of the type {kind.__name__}, not {'int' if name in WHOLE else 'float'}")
    if lowest <= said <= highest and not -_SMALLEST < said < _SMALLEST:
        return said
    if kind is float and not math.isfinite(said):
        raise WrongAnswer(f"{name} is {said}")
    return said if is_possible(name, said) else None


def _occupancy(name: str, said: object) -> object:
    if type(said) is not Occupancy:
        raise WrongAnswer(f"{name} is of the type {type(said).__name__}, not Occupancy")
    return said


def _flag(name: str, said: object) -> object:
    if type(said) is not bool:
        raise WrongAnswer(f"{name} is of the type {type(said).__name__}, not bool")
    return said


def _time(name: str, said: object) -> object:
    if type(said) is not datetime:
        raise WrongAnswer(f"{name} is of the type {type(said).__name__}, not datetime")
    if said.tzinfo is UTC:
        return said
    if said.utcoffset() is None:
        raise WrongAnswer("its time has no zone")
    try:
        return said.astimezone(UTC)
    except OverflowError:  # the first and the last hours of the calendar, at another offset
        return None


def _text(name: str, said: object) -> object:
    if type(said) is not str:
        raise WrongAnswer(f"{name} is of the type {type(said).__name__}, not str")
    if said and len(said) <= LONGEST_FAULT and said.isprintable():
        return said
    # Neither a log nor PostgreSQL takes control characters or half a surrogate.
    return "".join(one if one.isprintable() else " " for one in said[:LONGEST_FAULT]).strip() or None


def _past(said: object) -> tuple[Reading, ...]:
    if type(said) is not tuple:
        raise WrongAnswer(f"past is of the type {type(said).__name__}, not tuple")
    if len(said) > MOST_PAST:
        raise WrongAnswer(f"past has {len(said)} readings, and {MOST_PAST} are allowed")
    for one in said:
        if type(one) is Reading and one.past != ():
            raise WrongAnswer("a reading of the past has a past of its own")
    try:
        return tuple(map(checked, said))
    except WrongAnswer as wrong:
        raise WrongAnswer(f"in past: {wrong}") from None


_CHECKS: Final[Mapping[str, Callable[[str, Any], object]]] = {
    "occupancy": _occupancy,
    "at": _time,
    "fault": _text,
    "tamper": _flag,
    **dict.fromkeys(RANGES, _number),
}
_NAMES: Final = Reading.__struct_fields__[:-1]
