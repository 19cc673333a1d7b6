"""Guesses the numbers of a reading: distance, battery, temperature, counters. Names and neighbours give their units."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from decoders.readings import RANGES
from parking_gateway.decoding.declared.declaration import FlagSource, NumberSource, Scalar
from parking_gateway.decoding.importing.guess import Guess
from parking_gateway.decoding.importing.outputs import Seen

OVER_A_SPACE: Final = (20.0, 10_000.0)
"""Millimetres that a sensor over a space can measure. Examples have no range, and error values such as 65535 are beyond this one."""

Units = Mapping[str, str]
"""The texts of members named `unit`, by the path of the object that they are in."""


class _Unit(msgspec.Struct, frozen=True):
    factor: float
    offset: float = 0


_NOT: Final = re.compile(
    r"(?:^|_)(?:alarm|alarms|threshold|thresholds|min|max|minimum|maximum|limit|limits|config|setting|settings|interval|error|status"
    r"|offset|calibration|calibrate|delta|change|changed|flag|type|mode|warning|low|high|upper|lower|enable|enabled|frame|fcnt"
    r"|target|setpoint|good|health|state|ok|seq|uplink|downlink|packet|reset|sample|samples|tx|rx|message|history|previous|last|code|duration|time|timer)(?:_|$)"
)
_UNITS: Final[Mapping[str, Mapping[str, _Unit]]] = {
    "distance_mm": {
        "mm": _Unit(1), "millimeter": _Unit(1), "millimeters": _Unit(1), "millimetre": _Unit(1), "millimetres": _Unit(1),
        "cm": _Unit(10), "centimeter": _Unit(10), "centimeters": _Unit(10), "centimetres": _Unit(10),
        "m": _Unit(1000), "meter": _Unit(1000), "meters": _Unit(1000), "metre": _Unit(1000), "metres": _Unit(1000),
        "in": _Unit(25.4), "inch": _Unit(25.4), "inches": _Unit(25.4), "ft": _Unit(304.8), "feet": _Unit(304.8),
    },
    "battery_volts": {
        "v": _Unit(1), "volt": _Unit(1), "volts": _Unit(1), "voltage": _Unit(1),
        "mv": _Unit(0.001), "millivolt": _Unit(0.001), "millivolts": _Unit(0.001),
    },
    "battery_percent": {"%": _Unit(1), "percent": _Unit(1), "percentage": _Unit(1), "pct": _Unit(1), "per": _Unit(1)},
    "temperature_celsius": {
        "c": _Unit(1), "°c": _Unit(1), "celsius": _Unit(1), "degc": _Unit(1), "cel": _Unit(1),
        "f": _Unit(5 / 9, -160 / 9), "°f": _Unit(5 / 9, -160 / 9), "fahrenheit": _Unit(5 / 9, -160 / 9),
    },
}  # fmt: skip
_NAMES: Final[Mapping[str, re.Pattern[str]]] = {
    "distance_mm": re.compile(r"(?:^|_)(?:distance\d*|dist|distances|ullage|air_gap)(?:_|$)"),
    "battery_volts": re.compile(r"(?:^|_)(?:battery|batt|bat|vbat|vbatt|volt|bat_v|battery_voltage|batv)(?:_|$)"),
    "battery_percent": re.compile(r"(?:^|_)(?:battery|batt|bat|soc)(?:_|$)"),
    "temperature_celsius": re.compile(r"(?:^|_)(?:temperature|temp|temp_c|tempc)(?:_|$)"),
    "counter_in": re.compile(
        r"(?:^|_)(?:total_in|total_counter_in|counter_in|in_total|entries|total_entries|entry_total)$"
    ),
    "counter_out": re.compile(
        r"(?:^|_)(?:total_out|total_counter_out|counter_out|out_total|exits|total_exits|exit_total)$"
    ),
    "counter": re.compile(
        r"(?:^|_)(?:counter|vehicle_count|car_count|vehicles|vehicle_counter|parking_count|detection_count|total_count)$"
    ),
}
_TAMPER: Final = re.compile(
    r"(?:^|_)(?:tamper|tampered|tilt|tilted|tamper_status|dismantled|removed|moved|position)(?:_|$)"
)
_TAMPERED_WORDS: Final = frozenset(
    {"tilt", "tilted", "tamper", "tampered", "moved", "removed", "dismantled", "opened", "alarm"}
)
_UNTAMPERED_WORDS: Final = frozenset({"normal", "ok", "installed", "not tilted", "no tilt", "closed", "untampered"})


def guesses(seen: Seen, units: Units) -> Iterator[Guess]:
    """Yield how the values at a path can be a number or a flag of a reading."""
    if _TAMPER.search(seen.words):
        yield from _tampered(seen)
    if _NOT.search(seen.words) or not (seen.numbers or seen.texts):
        return
    unit = units.get(seen.path.rpartition(".")[0], "").lower() or _unit_in(seen)
    for field, pattern in _NAMES.items():
        if pattern.search(seen.words):
            yield from _measured(field, seen, unit)


def _measured(field: str, seen: Seen, unit: str) -> Iterator[Guess]:
    known = _UNITS.get(field, {})
    last = seen.words.split("_")
    named = next((word for word in (unit, *reversed(last)) if word in known), None)
    if unit and unit not in known and any(unit in others for others in _UNITS.values()):
        return
    if (
        named is None
        and known
        and any(word in others for word in last for name, others in _UNITS.items() if name != field)
    ):
        return
    numbers = seen.numbers or [float(number[1]) for _, number in seen.texts]
    conversion = known[named] if named else _assumed(field, numbers)
    if conversion is None or (field == "battery_volts" and set(numbers) <= {0, 1}):
        return
    lowest, highest = _PLAUSIBLE.get(field, RANGES[field])
    pairs: list[tuple[Scalar, float]] = [(text, float(number[1])) for text, number in seen.texts]
    pairs = [(number, number) for number in seen.numbers] or pairs
    kept = {
        value: number for value, number in pairs if lowest <= number * conversion.factor + conversion.offset <= highest
    }
    good = list(kept.values())
    if not good:
        return
    none: tuple[Scalar, ...] = tuple(value for value in seen.distinct if isinstance(value, bool) or value not in kept)
    assumed = "" if named or field not in _UNITS else f", unit assumed: {_name_of(field, conversion)}"
    measured = None
    if field == "distance_mm":
        scaled = [number * conversion.factor for number in good]
        measured = min(OVER_A_SPACE[0], *scaled), max(OVER_A_SPACE[1], *scaled)
        assumed += f", range assumed: {measured[0]:g} to {measured[1]:g} mm"
    is_certain = named is not None or field not in _UNITS or _is_certain(field, good)
    yield Guess(
        field=field,
        source=NumberSource(
            path=seen.path,
            factor=conversion.factor,
            offset=conversion.offset,
            none=none,
            text=not seen.numbers,
            range=measured,
        ),
        why=f"for example {good[0]:g}" + (f", unit {named}" if named else "") + assumed,
        is_proven=is_certain,
        weight=2 * bool(named) + (len(last) == 1) - seen.path.count(".") + is_certain,
    )


def _unit_in(seen: Seen) -> str:
    """Return the unit behind the number in texts such as `2799 mm`; nothing if there is none, or there are several."""
    units = {text[number.end() :].strip().lower() for text, number in seen.texts}
    return units.pop() if len(units) == 1 and not seen.numbers else ""


def _name_of(field: str, conversion: _Unit) -> str:
    name = next(name for name, unit in _UNITS[field].items() if unit == conversion)
    return {"c": "°C", "v": "V", "mv": "mV"}.get(name, name)


def _distance(numbers: list[float]) -> _Unit:
    if all(float(number).is_integer() for number in numbers) and max(numbers) >= _MILLIMETRES:
        return _Unit(1)
    if max(numbers) < _METRES and not all(float(number).is_integer() for number in numbers):
        return _Unit(1000)
    return _Unit(1) if max(numbers) >= _MILLIMETRES / 4 else _Unit(10)


_MILLIMETRES: Final = 1000
"""A distance of 1000 and more is in millimetres: as centimetres it were 10 m, which no sensor over a space measures."""
_METRES: Final = 15


def _volts(numbers: list[float]) -> _Unit | None:
    if all(0.5 <= number <= 16 for number in numbers if number):  # noqa: PLR2004 - volts of batteries
        return _Unit(1)
    return _Unit(0.001) if all(1500 <= number <= 16000 for number in numbers if number) else None  # noqa: PLR2004


def _percent(numbers: list[float]) -> _Unit | None:
    return _Unit(1) if max(numbers) > 20 and max(numbers) <= 100 else None  # noqa: PLR2004 - no volts


_ASSUMED: Final[Mapping[str, Callable[[list[float]], _Unit | None]]] = {
    "distance_mm": _distance,
    "battery_volts": _volts,
    "battery_percent": _percent,
}
"""The unit of a field without a stated one, by its values; by default ours."""
_PLAUSIBLE: Final[Mapping[str, tuple[float, float]]] = {"distance_mm": (1, 60_000), "temperature_celsius": (-60, 120)}


def _assumed(field: str, numbers: list[float]) -> _Unit | None:
    return _ASSUMED[field](numbers) if field in _ASSUMED else _Unit(1)


def _is_certain(field: str, numbers: list[float]) -> bool:
    return field != "distance_mm" or max(numbers) >= _MILLIMETRES


def _tampered(seen: Seen) -> Iterator[Guess]:
    values = seen.distinct
    if all(isinstance(value, bool) for value in values) and "position" not in seen.words:
        yield Guess(
            field="tamper", source=FlagSource(path=seen.path), why="a yes or no of that name", is_proven=True, weight=2
        )
        return
    texts = {value: value.lower() for value in values if isinstance(value, str)}
    true = tuple(value for value, word in texts.items() if word in _TAMPERED_WORDS)
    false = tuple(value for value, word in texts.items() if word in _UNTAMPERED_WORDS)
    if len(true) + len(false) == len(values) and (true or false):
        source = FlagSource(path=seen.path, true=true or ("tilt",), false=false or ("normal",))
        yield Guess(field="tamper", source=source, why=f"words: {', '.join((*true, *false))}", is_proven=True, weight=2)
