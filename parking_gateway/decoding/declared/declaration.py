"""The TOML that declares a codec: whose device it is, which frames are read, and where our facts lie in `data`.

`data` is what the vendor's script returns under that name, and what ChirpStack publishes as `object`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from decoders import Device, Occupancy

Word = bool | int | float | str
"""A value of JSON that is neither a list nor an object. Null is "nothing was said"."""
Words = Annotated[tuple[Word, ...], Meta(min_length=1)]

Title = Annotated[str, Meta(min_length=1, max_length=200)]
Place = Annotated[str, Meta(pattern=r"\A[^.]+(\.[^.]+){0,15}\Z")]
"""Names of members and numbers of items, with dots between them: `sensors.0.status`."""

PORTS: Final = range(1, 256)
SIZES: Final = range(1, 243)
"""What LoRaWAN can carry. An empty payload says nothing, whatever a script makes of it."""


class Unusable(ValueError):  # noqa: N818 - the word of the sentence that it becomes
    """A declaration or its script cannot be used. The message is one sentence that says which and why."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fact lies."""

    path: Place
    none: tuple[Word, ...] = ()
    """Values that say nothing: a device's error values, `"unknown"`."""


class OccupancySource(Source, frozen=True, kw_only=True):
    """Where the occupancy lies, and which values mean what."""

    occupied: Words
    vacant: Words


class FlagSource(Source, frozen=True, kw_only=True):
    """Where a yes or no lies, and which values mean what."""

    true: Words = (True,)
    false: Words = (False,)


class NumberSource(Source, frozen=True, kw_only=True):
    """Where a number lies, and what makes it one of our units: `value x factor + offset`."""

    factor: float = 1
    offset: float = 0


class Sources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each field of a reading lies. Nothing else is taken."""

    occupancy: OccupancySource | None = None
    at: NumberSource | None = None
    """Seconds since 1970 after `factor` and `offset`, or a text of ISO 8601 with its zone."""
    battery_volts: NumberSource | None = None
    battery_percent: NumberSource | None = None
    temperature_celsius: NumberSource | None = None
    distance_mm: NumberSource | None = None
    fault: Source | None = None
    tamper: FlagSource | None = None
    counter: NumberSource | None = None
    confidence: NumberSource | None = None

    def declared(self) -> Mapping[str, Source]:
        """By the name of the reading's field."""
        named = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: source for name, source in named if source is not None}


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the file says."""

    vendor: Title
    model: Title
    heartbeat: timedelta | None = None
    source: str = ""
    """Where the script or the layout is published: for people only."""
    ports: dict[str, tuple[int | str, ...]]
    """The sizes of the payloads that are read, in bytes, by port: `85 = [4, "7-51"]`."""
    reading: Sources

    def sizes(self) -> Mapping[int, frozenset[int]]:
        """By port, the sizes of the payloads that are read. Raises `ValueError` where they are written wrongly."""
        return {_port(port): frozenset(_sizes(port, texts)) for port, texts in self.ports.items()}

    def device(self) -> Device:
        """The same as of any codec. What has no occupancy of its own can be given one by its distance."""
        return Device(
            vendor=self.vendor,
            model=self.model,
            ports=tuple(sorted(self.sizes())),
            heartbeat=self.heartbeat,
            measures_distance=self.reading.distance_mm is not None and self.reading.occupancy is None,
        )


def read(file: Path) -> Declaration:
    """Read and check a declaration. Raises `Unusable`."""
    try:
        declaration = msgspec.toml.decode(file.read_bytes(), type=Declaration)
        _check(declaration)
    except OSError as error:
        raise Unusable(f"{file.name} cannot be read: {error.strerror}") from None
    except ValueError as error:  # msgspec's, ours, and those of what is no UTF-8
        raise Unusable(f"{file.name}: {error}") from None
    return declaration


def comparable(word: Word) -> tuple[str, Word]:
    """A value as JSON compares it: 1 is 1.0, but neither is `true` or "1". Python takes `true` for 1."""
    return "bool" if isinstance(word, bool) else "text" if isinstance(word, str) else "number", word


def meanings(source: Source) -> Mapping[tuple[str, Word], Any]:
    """What each declared value means, by `comparable`. Raises `ValueError` where one is said to mean two things."""
    groups: list[tuple[tuple[Word, ...], Any]] = [(source.none, None)]
    match source:
        case OccupancySource():
            groups += [(source.occupied, Occupancy.OCCUPIED), (source.vacant, Occupancy.VACANT)]
        case FlagSource():
            groups += [(source.true, True), (source.false, False)]
    found: dict[tuple[str, Word], Any] = {}
    for words, meaning in groups:
        for word in words:
            if found.setdefault(comparable(word), meaning) is not meaning:
                raise ValueError(f"{word!r} is said to mean two things")
    return found


def _port(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{,2}", text) or int(text) not in PORTS:
        raise ValueError(f"a port is {PORTS[0]} to {PORTS[-1]}, not {text!r} - at `$.ports`")
    return int(text)


def _sizes(port: str, texts: tuple[int | str, ...]) -> Iterator[int]:
    for text in texts:
        bounds = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", str(text))
        first, last = (int(bounds[1]), int(bounds[2] or bounds[1])) if bounds else (0, 0)
        if not SIZES[0] <= first <= last <= SIZES[-1]:
            raise ValueError(
                f'a size is {SIZES[0]} to {SIZES[-1]} bytes or two such numbers like "4-51", not {text!r}'
                f" - at `$.ports.{port}`"
            )
        yield from range(first, last + 1)


def _check(declaration: Declaration) -> None:
    sizes = declaration.sizes()
    if not sizes or not all(sizes.values()):
        raise ValueError("every port needs the sizes of its payloads, and there is at least one port - at `$.ports`")
    declared = declaration.reading.declared()
    if not declared:
        raise ValueError("no field of a reading is declared - at `$.reading`")
    for name, source in declared.items():
        try:
            meanings(source)
        except ValueError as error:
            raise ValueError(f"{error} - at `$.reading.{name}`") from None
        if isinstance(source, NumberSource) and not (source.factor and math.isfinite(source.factor + source.offset)):
            raise ValueError(f"a factor is not 0, and both it and an offset are finite - at `$.reading.{name}`")
