"""The register as TOML: a table `[[spaces]]` for each space, with the columns of the CSV as its keys, options as a table."""

import difflib
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from parking_gateway.register.entries import COLUMNS, Mistake, Record

_TABLE: Final = re.compile(r"[ \t]*\[\[[ \t]*(spaces|\"spaces\"|'spaces')[ \t]*\]\]")


def records(text: str) -> Iterator[Record | Mistake]:
    """One record for each table, with the number of its first line."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of numbers of 5,000 digits, and of a thousand brackets
        yield Mistake("the file", f"it is no TOML: {error}")
        return
    for key in document.keys() - {"spaces"}:
        yield Mistake("the file", f"the key {key!r} is unknown; every space is a table [[spaces]]")
    spaces = document.get("spaces", [])
    if not isinstance(spaces, list) or not all(isinstance(space, dict) for space in spaces):
        yield Mistake("the file", "spaces must be tables: [[spaces]]")
        return
    for where, space in zip(_lines(text, len(spaces)), spaces, strict=True):
        mistakes = list(_mistakes(where, space))
        if mistakes:
            yield from mistakes
        else:
            yield Record(where=where, cells={key: _text(value) for key, value in space.items()})


def _lines(text: str, count: int) -> list[str]:
    """The lines of the tables. The TOML parser has none; if the lines that look like tables are not as many, tables are numbered."""
    lines = [f"line {number}" for number, line in enumerate(text.split("\n"), 1) if _TABLE.match(line)]
    return lines if len(lines) == count else [f"space {number}" for number in range(1, count + 1)]


def _mistakes(where: str, space: dict[str, Any]) -> Iterator[Mistake]:
    for key, value in space.items():
        if key not in COLUMNS:
            near = difflib.get_close_matches(key, COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COLUMNS)}"
            yield Mistake(where, f"the key {key!r} is unknown; {hint}")
        elif key == "options":
            yield from (Mistake(where, what) for what in _mistakes_of_options(value))
        elif key in _NUMBERS and type(value) is not int:
            yield Mistake(where, f"{key} must be a whole number")
        elif key not in _NUMBERS and not isinstance(value, str):
            yield Mistake(where, f"{key} must be text, in quotation marks")


_NUMBERS: Final = ("channel", "lost_after")


def _mistakes_of_options(options: object) -> Iterator[str]:
    if not isinstance(options, dict):
        yield "options must be a table, such as { occupied_below_mm = 1500 }"
        return
    for name, value in options.items():
        if not isinstance(value, str | int | float) or re.search("[;\r\n]|^$", str(value)) or re.search("[;=]", name):
            yield f"the option {name!r} must be a number, true, false, or text without ; and line breaks"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ";".join(f"{name}={_text(one)}" for name, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
