"""Indicators as TOML: a table `[[indicators]]` for each, with the parameters of the request that sets it as its keys."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from parking_gateway.register.entries import Mistake


def read(data: bytes) -> list[dict[str, Any]] | Mistake:
    """The tables of the file, not checked yet."""
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of numbers of 5,000 digits, and of a thousand brackets
        return Mistake("the file", f"it is no TOML in UTF-8: {error}")
    tables = document.pop("indicators", [])
    if document or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        return Mistake("the file", "it must consist of tables [[indicators]]")
    return _repeated(tables) or tables


def _repeated(tables: Iterable[Mapping[str, Any]]) -> Mistake | None:
    """A device has one table, because the last of two would win silently."""
    first: dict[str, int] = {}
    for number, table in enumerate(tables, 1):
        if not isinstance(dev_eui := table.get("dev_eui"), str):
            continue  # the request that sets it names the mistake
        dev_eui = dev_eui.lower()
        earlier = first.setdefault(dev_eui, number)
        if earlier != number:
            return Mistake(f"indicator {number}", f"the device {dev_eui} stands already in indicator {earlier}")
    return None


def text_of(tables: Iterable[Mapping[str, Any]]) -> str:
    """The file with exactly these tables. JSON writes texts, numbers and lists of them as TOML does."""
    encode = msgspec.json.Encoder().encode
    return "\n".join(
        "".join(["[[indicators]]\n", *(f"{key} = {encode(value).decode()}\n" for key, value in table.items())])
        for table in tables
    )
