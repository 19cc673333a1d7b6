"""The register as TOML: a table `[[spaces]]` for each space, with the columns of the CSV as its keys, and tables of settings."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from parking_gateway.core.installation import ENDLESS
from parking_gateway.core.stay_limit import StayLimit
from parking_gateway.register.cells import degrees_text, stay_limit_text
from parking_gateway.register.counters import READ, CounterEntry
from parking_gateway.register.entries import COLUMNS, Entry, Mistake, Record
from parking_gateway.register.settings import NAMES, SETTINGS, Setting

Kind = Literal["sites", "zones", "counters", "spaces"]
_KINDS: Final[tuple[Kind, ...]] = ("sites", "zones", "counters", "spaces")
_KEYS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "sites": (*NAMES["sites"], *SETTINGS["sites"]),
    "zones": (*NAMES["zones"], *SETTINGS["zones"]),
    "counters": tuple(READ),
    "spaces": COLUMNS,
}
_TABLE: Final = {kind: re.compile(rf"[ \t]*\[\[[ \t]*({kind}|\"{kind}\"|'{kind}')[ \t]*\]\]") for kind in _KINDS}
_NUMBERS: Final = {
    "channel": int,
    "lost_after": int,
    "lat": float,
    "lon": float,
    "max_stay": int,
    "grace": int,
    "capacity": int,
}
_LISTS: Final = ("tags", "stay_limits")
_TRUTHS: Final = ("keeps_on_leaving",)


def records(text: str) -> Iterator[Record | Mistake]:
    """One record for each table, with the number of its first line. Sites and zones come before the spaces."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of numbers of 5,000 digits, and of a thousand brackets
        yield Mistake("the file", f"it is no TOML: {error}")
        return
    for key in document.keys() - {*_KINDS}:
        yield Mistake("the file", f"the key {key!r} is unknown; every space is a table [[spaces]]")
    for kind in _KINDS:
        tables = document.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            yield Mistake("the file", f"{kind} must be tables: [[{kind}]]")
            continue
        for where, table in zip(_lines(text, kind, len(tables)), tables, strict=True):
            mistakes = list(_mistakes(where, table, kind))
            if mistakes:
                yield from mistakes
            else:
                yield Record(kind=kind, where=where, cells={key: text_of_value(value) for key, value in table.items()})


def text_of(entries: Iterable[Entry], settings: Iterable[Setting], counters: Iterable[CounterEntry] = ()) -> str:
    """The file with exactly these entries, settings and counters."""
    tables = [_table("sites" if one.zone is None else "zones", _cells_of_setting(one)) for one in settings]
    tables += [_table("counters", _cells_of_counter(one)) for one in counters]
    return "\n".join([*tables, *(_table("spaces", _cells_of_entry(one)) for one in entries)])


def _cells_of_setting(setting: Setting) -> dict[str, Any]:
    return {"site": setting.site, "zone": setting.zone, **setting.values}


def _cells_of_counter(one: CounterEntry) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in READ}
    return found | {"channel": one.channel or None, "options": one.options or None}


def _cells_of_entry(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = entry.place._asdict()
    if device := entry.assignment:
        channel = device.channel or None
        found |= {"dev_eui": device.dev_eui, "channel": channel, "codec": device.codec or "", "options": device.options}
        observe = True if device.observe == ENDLESS else device.observe
        found |= {"lost_after": device.lost_after, "observe": observe, "sensors": entry.sensors}
    return found | dict(entry.attributes)


def _table(kind: Kind, cells: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in cells.items() if value is not None]
    return "\n".join([f"[[{kind}]]", *lines, ""])


def _value(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_value(key)} = {_value(one)}" for key, one in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, StayLimit):
        return _value(stay_limit_text(value))
    return msgspec.json.encode(value).decode()


def _lines(text: str, kind: Kind, count: int) -> list[str]:
    """The lines of the tables. The TOML parser has none; if the lines that look like tables are not as many, tables are numbered."""
    lines = [f"line {number}" for number, line in enumerate(text.split("\n"), 1) if _TABLE[kind].match(line)]
    return lines if len(lines) == count else [f"{kind.removesuffix('s')} {number}" for number in range(1, count + 1)]


def _mistakes(where: str, table: dict[str, Any], kind: Kind) -> Iterator[Mistake]:
    for key, value in table.items():
        if key not in _KEYS[kind]:
            near = difflib.get_close_matches(key, _KEYS[kind], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS[kind])}"
            yield Mistake(where, f"the key {key!r} is unknown; {hint}")
        elif key == "options":
            yield from (Mistake(where, what) for what in _mistakes_of_options(value))
        else:
            yield from (Mistake(where, f"{key} {what}") for what in _mistakes_of_value(key, value))


def _mistakes_of_value(key: str, value: object) -> Iterator[str]:
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(one, str) and ";" not in one for one in value):
            yield "must be a list of texts, in square brackets"
    elif key in _NUMBERS:
        if type(value) is not int and (_NUMBERS[key] is int or type(value) is not float):
            yield "must be a whole number" if _NUMBERS[key] is int else "must be a number"
    elif key == "observe":
        if not isinstance(value, int | str):
            yield "must be a number of uplinks, true or false"
    elif key in _TRUTHS:
        if not isinstance(value, bool):
            yield "must be true or false"
    elif not isinstance(value, str):
        yield "must be text, in quotation marks"


def _mistakes_of_options(options: object) -> Iterator[str]:
    if not isinstance(options, dict):
        yield "options must be a table, such as { occupied_below_mm = 1500 }"
        return
    for name, value in options.items():
        if not isinstance(value, str | int | float) or re.search("[;\r\n]|^$", str(value)) or re.search("[;=]", name):
            yield f"the option {name!r} must be a number, true, false, or text without ; and line breaks"


def text_of_value(value: object) -> str:
    """A value as the text of a cell."""
    if isinstance(value, dict):
        return ";".join(f"{name}={text_of_value(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ";".join(map(text_of_value, value))
    if isinstance(value, float):
        return degrees_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
