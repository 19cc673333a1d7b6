"""The values that a reading may have: one table for the conformance suite, for declared codecs and for the gateway.

A reading with a field of a wrong type is refused as a whole. A number that no sensor can have measured is dropped, and the
other fields stay, because such a number only accompanies the occupancy.
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
    "counter_in": (0, 2**53),
    "counter_out": (0, 2**53),
}
"""The possible values of each number in our units, bounds included. Each range fits its column of the database."""
WHOLE: Final = frozenset({"distance_mm", "counter", "counter_in", "counter_out"})
"""Numbers that are `int`."""
LONGEST_FAULT: Final = 200
"""Characters."""
MOST_PAST: Final = 256
"""Readings. A frame has 242 bytes at most, and each reading that it repeats takes at least one of them."""
CHANNELS: Final = range(1, 256)
"""Possible numbers of a device's sensors. 0 is the frame as a whole."""

_OF_THE_DEVICE: Final = ("at", "battery_volts", "battery_percent", "temperature_celsius", "fault", "tamper")
"""What a channel has from the frame as a whole, unless it has its own."""
_SMALLEST: Final = 1e-37
"""The smallest number beside 0. PostgreSQL refuses smaller ones, because a 32-bit float cannot hold them."""


_ALONE: Final[Mapping[Occupancy, Reading]] = {one: Reading(occupancy=one) for one in Occupancy}
"""Readings with an occupancy and nothing else."""


class WrongReading(ValueError):  # noqa: N818 - the word for it
    """`decode` returned no reading, or a reading with a field of a wrong type. The message names the field."""


def checked(reading: object) -> Reading:
    """Return a codec's reading without its impossible numbers. Raises `WrongReading`.

    Times are converted to UTC. A time that does not exist in UTC is dropped. A fault becomes one line of at most
    `LONGEST_FAULT` characters.
    """
    if type(reading) is not Reading:  # a subclass could return another value at each access
        raise WrongReading(f"decode returned {type(reading).__name__}, not Reading")
    if type(reading.occupancy) is Occupancy and reading == _ALONE[reading.occupancy]:
        return reading  # the most frequent case: 0.15 µs
    changes: dict[str, Any] = {}
    # 0.4 µs, and 0.2 more for each number; `strict` would cost 0.1.
    for name, value in zip(_NAMES, astuple(reading)):  # noqa: B905 - the last fields, with readings, are not among the names
        if value is not None and (kept := _CHECKS[name](name, value)) is not value:
            changes[name] = kept
    if reading.channels is not None and (channels := _channels(reading.channels)) != reading.channels:
        changes["channels"] = channels
    if reading.past != () and (past := _past(reading.past)) != reading.past:
        changes["past"] = past
    return replace(reading, **changes) if changes else reading


def of_channel(reading: Reading, channel: int) -> Reading:
    """Return the reading of one sensor of a device; empty but for what belongs to the device, if the frame has none of it.

    Channel 0 is the frame as a whole.
    """
    if channel == 0:
        return reading
    own = Reading() if reading.channels is None else reading.channels.get(channel, Reading())
    shared = {name: getattr(reading, name) for name in _OF_THE_DEVICE if getattr(own, name) is None}
    return replace(own, **shared)


def is_possible(name: str, number: float) -> bool:
    """Return whether a sensor can have measured this number. `name` is a key of `RANGES`. NaN is not possible."""
    lowest, highest = RANGES[name]
    return lowest <= number <= highest and (number == 0 or not -_SMALLEST < number < _SMALLEST)


def _number(name: str, value: Any) -> object:
    kind, (lowest, highest) = type(value), RANGES[name]
    if kind is not int and (kind is not float or name in WHOLE):
        raise WrongReading(f"{name} has the type {kind.__name__}, not {'int' if name in WHOLE else 'float'}")
    if lowest <= value <= highest and not -_SMALLEST < value < _SMALLEST:
        return value
    if kind is float and not math.isfinite(value):
        raise WrongReading(f"{name} is {value}")
    return value if is_possible(name, value) else None


def _occupancy(name: str, value: object) -> object:
    if type(value) is not Occupancy:
        raise WrongReading(f"{name} has the type {type(value).__name__}, not Occupancy")
    return value


def _flag(name: str, value: object) -> object:
    if type(value) is not bool:
        raise WrongReading(f"{name} has the type {type(value).__name__}, not bool")
    return value


def _time(name: str, value: object) -> object:
    if type(value) is not datetime:
        raise WrongReading(f"{name} has the type {type(value).__name__}, not datetime")
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise WrongReading(f"{name} has no time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:  # the first and the last hours of the calendar, at another offset
        return None


def _text(name: str, value: object) -> object:
    if type(value) is not str:
        raise WrongReading(f"{name} has the type {type(value).__name__}, not str")
    if value and len(value) <= LONGEST_FAULT and value.isprintable():
        return value
    # Control characters break a log, and PostgreSQL refuses NUL and lone surrogates.
    return "".join(one if one.isprintable() else " " for one in value[:LONGEST_FAULT]).strip() or None


def _channels(channels: object) -> dict[int, Reading]:
    if type(channels) is not dict:
        raise WrongReading(f"channels has the type {type(channels).__name__}, not dict")
    for number, one in channels.items():
        if type(number) is not int or number not in CHANNELS:
            raise WrongReading(f"channels has the key {number!r}, not a number from {CHANNELS[0]} to {CHANNELS[-1]}")
        if type(one) is not Reading:
            raise WrongReading(f"channels contains {type(one).__name__}, not only Reading")
        if one.channels is not None or one.past != ():
            raise WrongReading("a reading in channels has channels or a past of its own")
    try:
        return {number: checked(one) for number, one in channels.items()}
    except WrongReading as wrong:
        raise WrongReading(f"in channels: {wrong}") from None


def _past(past: object) -> tuple[Reading, ...]:
    if type(past) is not tuple:
        raise WrongReading(f"past has the type {type(past).__name__}, not tuple")
    if len(past) > MOST_PAST:
        raise WrongReading(f"past has {len(past)} readings, at most {MOST_PAST} are allowed")
    for one in past:
        if type(one) is not Reading:
            raise WrongReading(f"past contains {type(one).__name__}, not only Reading")
        if one.past != ():
            raise WrongReading("a reading in past has a past of its own")
    try:
        return tuple(map(checked, past))
    except WrongReading as wrong:
        raise WrongReading(f"in past: {wrong}") from None


_CHECKS: Final[Mapping[str, Callable[[str, Any], object]]] = {
    "occupancy": _occupancy,
    "at": _time,
    "fault": _text,
    "tamper": _flag,
    **dict.fromkeys(RANGES, _number),
}
_NAMES: Final = Reading.__struct_fields__[:-2]
