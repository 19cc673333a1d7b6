"""The values in the outputs of a codec's examples, by their paths in `data`."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from parking_gateway.decoding.declared.declaration import Scalar, comparable
from parking_gateway.decoding.declared.mapping import NUMBER

_DEEPEST = 16


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All values at one path."""

    path: str
    values: tuple[tuple[Scalar, str], ...]
    """Each with the name of its example."""

    @property
    def words(self) -> str:
        """Return the names in the path in small letters, with `_` between their words: `parkingStatus` is `parking_status`."""
        spaced = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.path)
        names = "".join(letter if letter.isalnum() else "_" for letter in spaced)
        joined = names if any(letter.islower() for letter in self.path) else self.path.lower()
        return "_".join(word for word in joined.split("_") if word and not word.isdigit())

    @property
    def distinct(self) -> list[Scalar]:
        """Return each value once, in the order of the examples."""
        return list({comparable(value): value for value, _ in self.values}.values())

    @property
    def numbers(self) -> list[float]:
        """Return those values that are numbers."""
        return [value for value in self.distinct if isinstance(value, int | float) and not isinstance(value, bool)]

    @property
    def texts(self) -> list[tuple[str, re.Match[str]]]:
        """Return those texts that begin with a number, and the number."""
        return [
            (value, number) for value in self.distinct if isinstance(value, str) and (number := NUMBER.match(value))
        ]


def seen(outputs: Sequence[tuple[str, Any]]) -> list[Seen]:
    """Return the values of these outputs, each of which is given with the name of its example."""
    found: dict[str, list[tuple[Scalar, str]]] = {}
    for name, data in outputs:
        for path, value in _scalars(data, ""):
            found.setdefault(path, []).append((value, name))
    return [Seen(path=path, values=tuple(values)) for path, values in found.items()]


def _scalars(value: Any, path: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in members:
            # A name with a dot in it cannot be a part of a path.
            if name != "" and "." not in str(name) and path.count(".") < _DEEPEST - 1:
                yield from _scalars(member, f"{path}.{name}" if path else str(name))
    elif value is not None and path:
        yield path, value
