"""The TOML of a declared codec: the device, the frames that are decoded, and the paths of the fields in `data`.

`data` is a member of the value that the vendor's script returns. Without a script, it is the `object` that ChirpStack
publishes.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from decoders import Device, Measured, Occupancy
from decoders.readings import RANGES

Scalar = bool | int | float | str
"""A value of JSON that is neither a list nor an object. Null stands for no value."""
Scalars = Annotated[tuple[Scalar, ...], Meta(min_length=1)]

Title = Annotated[str, Meta(min_length=1, max_length=200)]
MemberPath = Annotated[str, Meta(pattern=r"\A[^.]+(\.[^.]+){0,15}\Z")]
"""Names of members and indexes of items, with dots between them: `sensors.0.status`."""

PORTS: Final = range(1, 256)
SIZES: Final = range(1, 243)
"""Bytes of a LoRaWAN payload. An empty payload is never decoded."""


class Unusable(ValueError):  # noqa: N818 - the word of the sentence that it becomes
    """A declaration, or the code of a guest, cannot be used. The message is one sentence with the file and the cause."""


class FieldSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source of a field."""

    path: MemberPath
    none: tuple[Scalar, ...] = ()
    """Values without a meaning: a device's error values, `"unknown"`."""


class OccupancySource(FieldSource, frozen=True, kw_only=True):
    """The source of the occupancy, and the meaning of its values."""

    occupied: Scalars
    vacant: Scalars


class FlagSource(FieldSource, frozen=True, kw_only=True):
    """The source of a flag, and the meaning of its values."""

    true: Scalars = (True,)
    false: Scalars = (False,)


class NumberSource(FieldSource, frozen=True, kw_only=True):
    """The source of a number, and its conversion to our unit: `value x factor + offset`."""

    factor: float = 1
    offset: float = 0
    text: bool = False
    """Whether the value is a text that begins with the number: `"2799 mm"`."""
    range: tuple[float, float] | None = None
    """The measurements of the sensor in our unit, bounds included. None: all possible numbers, and others are refused."""

    def measured(self, name: str) -> Measured:
        """Return the measurements of this field: within `range`, and none of the numbers of `none`."""
        lowest, highest = self.range or RANGES[name]
        numbers = (one for one in self.none if not isinstance(one, bool | str))
        return Measured(
            lowest=lowest, highest=highest, errors=tuple(one * self.factor + self.offset for one in numbers)
        )


class FieldSources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source of each field of a reading. Other values are ignored."""

    occupancy: OccupancySource | None = None
    at: NumberSource | None = None
    """Seconds since 1970 after `factor` and `offset`, or ISO 8601 text with a time zone."""
    battery_volts: NumberSource | None = None
    battery_percent: NumberSource | None = None
    temperature_celsius: NumberSource | None = None
    distance_mm: NumberSource | None = None
    fault: FieldSource | None = None
    tamper: FlagSource | None = None
    counter: NumberSource | None = None
    confidence: NumberSource | None = None
    counter_in: NumberSource | None = None
    counter_out: NumberSource | None = None

    @property
    def decides_by_distance(self) -> bool:
        """Whether the occupancy comes from the distance and the thresholds of an installation."""
        return self.distance_mm is not None and self.occupancy is None

    def by_field(self) -> Mapping[str, FieldSource]:
        """Return the declared sources by the name of the reading's field."""
        named = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: source for name, source in named if source is not None}


class Imported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the script is from, as `codecs import` notes it. For people, and for `codecs test`."""

    repository: str
    file: str
    commit: str = ""
    licence: str = ""
    sha256: str
    """Of the script beside the declaration."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file."""

    vendor: Title
    model: Title
    heartbeat: timedelta | None = None
    low_battery_volts: float | None = None
    source: str = ""
    """Where the script or the layout is published. For people only."""
    imported: Imported | None = None
    ports: dict[str, tuple[int | str, ...]]
    """The sizes of the decoded payloads, in bytes, by port: `85 = [4, "7-51"]`."""
    reading: FieldSources

    def sizes(self) -> Mapping[int, frozenset[int]]:
        """Return the sizes of the decoded payloads by port. Raises `ValueError` if they are malformed."""
        return sizes_of(self.ports)

    def device(self) -> Device:
        """Return the `DEVICE` of the codec. Without an occupancy of its own, its distance can give one."""
        return Device(
            vendor=self.vendor,
            model=self.model,
            ports=tuple(sorted(self.sizes())),
            heartbeat=self.heartbeat,
            low_battery_volts=self.low_battery_volts,
            measures_distance=self.reading.decides_by_distance,
            measures={
                name: source.measured(name)
                for name, source in self.reading.by_field().items()
                if isinstance(source, NumberSource) and name in RANGES
            },
        )


def read(file: Path) -> Declaration:
    """Read and check a declaration. Raises `Unusable`."""
    try:
        declaration = msgspec.toml.decode(file.read_bytes(), type=Declaration)
        _check(declaration)
    except OSError as error:
        raise Unusable(f"{file.name} cannot be read: {error.strerror}") from None
    except ValueError as error:  # msgspec's, ours, and those of invalid UTF-8
        raise Unusable(f"{file.name}: {error}") from None
    return declaration


def sizes_of(ports: Mapping[str, tuple[int | str, ...]]) -> Mapping[int, frozenset[int]]:
    """Return the sizes of payloads by port. Raises `ValueError` if they are malformed."""
    return {_port(port): frozenset(_sizes(port, texts)) for port, texts in ports.items()}


def comparable(scalar: Scalar) -> tuple[str, Scalar]:
    """Return a key that compares as JSON does: 1 equals 1.0, but not `true` or "1". In Python, 1 equals `True`."""
    return "bool" if isinstance(scalar, bool) else "text" if isinstance(scalar, str) else "number", scalar


def meanings(source: FieldSource) -> Mapping[tuple[str, Scalar], Any]:
    """Return the meaning of each declared value, by `comparable`. Raises `ValueError` for a value with two meanings."""
    groups: list[tuple[tuple[Scalar, ...], Any]] = [(source.none, None)]
    match source:
        case OccupancySource():
            groups += [(source.occupied, Occupancy.OCCUPIED), (source.vacant, Occupancy.VACANT)]
        case FlagSource():
            groups += [(source.true, True), (source.false, False)]
    found: dict[tuple[str, Scalar], Any] = {}
    for scalars, meaning in groups:
        for scalar in scalars:
            if found.setdefault(comparable(scalar), meaning) is not meaning:
                raise ValueError(f"{scalar!r} has two meanings")
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
        raise ValueError("at least one port is needed, and each port needs the sizes of its payloads - at `$.ports`")
    declared = declaration.reading.by_field()
    if not declared:
        raise ValueError("no field of a reading is declared - at `$.reading`")
    for name, source in declared.items():
        try:
            meanings(source)
        except ValueError as error:
            raise ValueError(f"{error} - at `$.reading.{name}`") from None
        if isinstance(source, NumberSource):
            _check_number(name, source)


def _check_number(name: str, source: NumberSource) -> None:
    if not (source.factor and math.isfinite(source.factor + source.offset)):
        raise ValueError(f"a factor must not be 0, and factor and offset must be finite - at `$.reading.{name}`")
    if source.range is None:
        return
    if name not in RANGES:
        raise ValueError(f"{name} has no range - at `$.reading.{name}`")
    (lowest, highest), (least, most) = source.range, RANGES[name]
    if not least <= lowest < highest <= most:
        raise ValueError(f"a range is two numbers from {least} to {most}, the lower first - at `$.reading.{name}`")
