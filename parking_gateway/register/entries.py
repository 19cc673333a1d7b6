"""An entry of the register: a space and, if one is named, the device that watches it. Text becomes entries only here."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from decoders.readings import CHANNELS
from parking_gateway.core.events import DevEui
from parking_gateway.core.sensor import SensorRule
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Decoder

COLUMNS: Final = ("site", "zone", "space", "dev_eui", "channel", "codec", "options", "lost_after", "sensors")
REQUIRED: Final = COLUMNS[:3]


class Place(NamedTuple):
    """A space by its names. Each is a level of a topic."""

    site: str
    zone: str
    space: str

    def __str__(self) -> str:
        """As in topics: `site/zone/space`."""
        return f"{self.site}/{self.zone}/{self.space}"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The device that shall watch a space, and how its frames are to be read."""

    dev_eui: DevEui
    channel: int = 0
    codec: str | None = None
    """None: the device's tag, else its profile, decides."""
    options: dict[str, str] = {}
    lost_after: int | None = None
    """Seconds that the sensor may be silent. None: the configuration decides."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A space that shall exist."""

    place: Place
    assignment: Assignment | None = None
    """None: the space keeps its device, if it has one."""
    sensors: SensorRule | None = None
    """When a space with several sensors is occupied. None: as before, else with any."""
    is_further: bool = False
    """True: the space keeps its other sensors. A file has a line for each sensor instead."""
    where: str = ""
    """Where it was written, such as `line 7`."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The text about one space, by column, not checked yet. A missing column is empty."""

    where: str = ""
    cells: Mapping[str, str]


class Mistake(msgspec.Struct, frozen=True):
    """The reason why nothing was registered: one sentence, and its place in the file."""

    where: str
    what: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.where}: {self.what}" if self.where else self.what


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file."""

    entries: tuple[Entry, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    """If there are any, the entries are those of the other lines, and none is registered."""


def sheet_of(records: Iterable[Record | Mistake], decoder: Decoder) -> Sheet:
    """Check every record by itself, and all records against each other."""
    entries: list[Entry] = []
    mistakes: list[Mistake] = []
    places: dict[Place, Entry] = {}
    devices: dict[tuple[DevEui, int], Entry] = {}
    for record in records:
        if isinstance(record, Mistake):
            mistakes.append(record)
            continue
        entry, found = entry_of(record, decoder)
        mistakes += found
        if entry is None:
            continue
        entries.append(entry)
        device = entry.assignment
        if (first := places.setdefault(entry.place, entry)) is not entry:
            mistakes += _mistakes_of_another(entry, first)
        if device and (first := devices.setdefault((device.dev_eui, device.channel), entry)) is not entry:
            channel = f"channel {device.channel} of " if device.channel else ""
            what = f"{channel}the device {device.dev_eui} stands already in {first.where}"
            mistakes.append(Mistake(entry.where, what))
    return Sheet(entries=tuple(entries), mistakes=tuple(mistakes))


def _mistakes_of_another(entry: Entry, first: Entry) -> Iterator[Mistake]:
    """A space has several lines, one for each of its sensors."""
    if entry.assignment is None or first.assignment is None:
        yield Mistake(entry.where, f"the space {entry.place} stands already in {first.where}")
    elif entry.sensors is not first.sensors:
        yield Mistake(entry.where, f"sensors differs from {first.where}, which has the same space {entry.place}")


def entry_of(record: Record, decoder: Decoder) -> tuple[Entry | None, list[Mistake]]:
    """The entry of a record, or all its mistakes."""
    values: dict[str, Any] = {}
    refusals: list[str] = []
    for column, read in _READ.items():
        try:
            values[column] = read(record.cells.get(column, "").strip())
        except ValueError as refusal:
            refusals.append(f"{column} {refusal}")
    if not refusals:
        refusals += _refusals_together(values, decoder.folder)
    if refusals:
        return None, [Mistake(record.where, refusal) for refusal in refusals]
    place = Place(*(values.pop(column) for column in REQUIRED))
    sensors = values.pop("sensors")
    assignment = Assignment(**values) if values["dev_eui"] else None
    return Entry(place=place, assignment=assignment, sensors=sensors, where=record.where), []


def options_text(options: Mapping[str, str]) -> str:
    """Options as in a cell: `key=value;key=value`."""
    return ";".join(f"{name}={value}" for name, value in sorted(options.items()))


def _refusals_together(values: dict[str, Any], folder: Path | None) -> Iterator[str]:
    """The conflicts between cells that are right by themselves. The codec's name is replaced by its full name."""
    codec, options = values["codec"], values["options"]
    if not values["dev_eui"] and (codec or options):
        yield f"{'codec' if codec else 'options'} says how a device is read, but dev_eui names none"
    if not values["dev_eui"] and values["channel"]:
        yield "channel says which sensor of a device is meant, but dev_eui names none"
    if not values["dev_eui"] and values["lost_after"]:
        yield "lost_after says how long a device may be silent, but dev_eui names none"
    if not values["dev_eui"] and values["sensors"]:
        yield "sensors says when a space with several sensors is occupied, but dev_eui names none"
    if not codec:
        return
    try:
        known = _checked_codec(codec, frozenset(options.items()), folder)
        values["codec"] = known.name
        yield from refused_channel(known, values["channel"])
    except (codecs.CodecNotFound, codecs.BadOption) as refusal:
        yield str(refusal)


@lru_cache(maxsize=1024)
def _checked_codec(name: str, options: frozenset[tuple[str, str]], folder: Path | None) -> codecs.Codec:
    # A file names a few codecs a thousand times.
    codec = codecs.find(name, dropins=folder)
    codecs.bind(codec, dict(options))
    return codec


def refused_channel(codec: codecs.Codec, channel: int) -> Iterator[str]:
    """The reason why a device with this codec has no such channel."""
    channels = codec.device.channels
    if channel and channel not in channels:
        has = ", ".join(map(str, channels)) or "none, because it has one sensor"
        yield f"channel cannot be {channel}: the channels of {codec.name} are {has}"


# Cells. A refusal continues a sentence that begins with the column's name.


def _name(text: str) -> str:
    if not text:
        raise ValueError("is missing")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError(f"cannot be {_shown(text)}: 1 to 64 letters a to z, digits, - and _ make a name")
    return text


def _dev_eui(text: str) -> DevEui | None:
    if not text:
        return None
    digits = re.sub("[:-]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]{16}", digits):
        if re.fullmatch(r"\d+([.,]\d+)?E\+?\d+", text, re.IGNORECASE):
            raise ValueError(f"cannot be {_shown(text)}: a spreadsheet made a number of it; format the column as text")
        raise ValueError(f"cannot be {_shown(text)}: 16 hexadecimal digits make a DevEUI")
    return DevEui(digits.lower())


def _channel(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text or "0"):
        raise ValueError(f"cannot be {_shown(text)}, only a whole number")
    channel = int(text or "0")
    if channel and channel not in CHANNELS:
        raise ValueError(f"cannot be {_shown(text)}, only 0 to {CHANNELS[-1]}")
    return channel


def _codec(text: str) -> str | None:
    return text or None


def _lost_after(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,8}", text) or not 0 < int(text) <= _YEAR:
        raise ValueError(f"cannot be {_shown(text)}, only a whole number of seconds from 1 to {_YEAR}")
    return int(text)


def _sensors(text: str) -> SensorRule | None:
    if text and text not in [*SensorRule]:
        raise ValueError(f"cannot be {_shown(text)}, only {' or '.join(SensorRule)}")
    return SensorRule(text) if text else None


def _options(text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ValueError(f"cannot contain {_shown(part)}: key=value;key=value is how options are written")
        if not part.isprintable():
            raise ValueError(f"cannot contain {_shown(part)}: it has control characters")
        if name in options:
            raise ValueError(f"names {_shown(name)} twice")
        options[name] = value
    return options


_READ: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(REQUIRED, _name),
    "dev_eui": _dev_eui,
    "channel": _channel,
    "codec": _codec,
    "options": _options,
    "lost_after": _lost_after,
    "sensors": _sensors,
}

_SHOWN: Final = 40
_YEAR: Final = 31_536_000


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
