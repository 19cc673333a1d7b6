"""An entry of the register: a space and, if one is named, the device that watches it. Text becomes entries only here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.sensor import SensorRule
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import cells
from parking_gateway.register.channels import refused_channel
from parking_gateway.register.counters import CounterEntry, counter_of
from parking_gateway.register.settings import Setting, setting_of

REQUIRED: Final = ("site", "zone", "space")
DEVICE: Final = ("dev_eui", "channel", "codec", "options", "lost_after", "observe", "sensors")
ATTRIBUTES: Final = ("audience", "purpose", "lat", "lon", "max_stay", "tags")
COLUMNS: Final = (*REQUIRED, *DEVICE, *ATTRIBUTES)
KEPT: Final = frozenset(("codec", "options", "lost_after", "observe"))
"""Columns of a device that keep their values if the file does not have them."""


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
    observe: int | None = None
    """For how many uplinks the device is observed first, or `ENDLESS`. None: it decides the space at once."""
    kept: frozenset[str] = frozenset()
    """Those of `KEPT` that were not given: an installation of the device has them as before, also in another space."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A space that shall exist."""

    place: Place
    assignment: Assignment | None = None
    """None: the space keeps its device, if it has one."""
    sensors: SensorRule | None = None
    """When a space with several sensors is occupied. None: as before, else with any."""
    is_further: bool = False
    """True: the space keeps its other sensors. A file has a line for each sensor instead."""
    attributes: Mapping[str, Any] = {}
    """Those of `ATTRIBUTES` that were given. The others stay as they are."""
    where: str = ""
    """Where it was written, such as `line 7`."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The text about one space, zone, site or counter, by column, not checked yet."""

    kind: Literal["spaces", "zones", "sites", "counters"] = "spaces"
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
    settings: tuple[Setting, ...] = ()
    """Of sites and zones."""
    counters: tuple[CounterEntry, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    """If there are any, the entries are those of the other lines, and none is registered."""


def sheet_of(records: Iterable[Record | Mistake], decoder: Decoder) -> Sheet:
    """Check every record by itself, and all records against each other."""
    entries: list[Entry] = []
    settings: list[Setting] = []
    mistakes: list[Mistake] = []
    places: dict[Place, Entry] = {}
    described: dict[tuple[str, str | None], Setting] = {}
    devices: dict[tuple[DevEui, int], Entry | CounterEntry] = {}
    counters: list[CounterEntry] = []
    for record in records:
        if isinstance(record, Mistake):
            mistakes.append(record)
            continue
        if record.kind == "counters":
            counter, refusals = counter_of(record.cells, decoder, where=record.where)
            mistakes += [Mistake(record.where, one) for one in refusals]
            if counter is not None:
                counters.append(counter)
                mistakes += _mistakes_of_device(counter, counter, devices)
            continue
        if record.kind != "spaces":
            setting, refusals = setting_of(record.kind, record.cells, where=record.where)
            mistakes += [Mistake(record.where, one) for one in refusals]
            if setting is not None:
                settings.append(setting)
                mistakes += _mistakes_of_setting(setting, described)
            continue
        entry, found = entry_of(record, decoder)
        mistakes += found
        if entry is None:
            continue
        entries.append(entry)
        device = entry.assignment
        if (first := places.setdefault(entry.place, entry)) is not entry:
            mistakes += _mistakes_of_another(entry, first)
        if device:
            mistakes += _mistakes_of_device(entry, device, devices)
    return Sheet(entries=tuple(entries), settings=tuple(settings), counters=tuple(counters), mistakes=tuple(mistakes))


def _mistakes_of_device(
    entry: Entry | CounterEntry,
    device: Assignment | CounterEntry,
    devices: dict[tuple[DevEui, int], Entry | CounterEntry],
) -> Iterator[Mistake]:
    """A channel of a device stands in one place."""
    first = devices.setdefault((device.dev_eui, device.channel), entry)
    if first is not entry:
        channel = f"channel {device.channel} of " if device.channel else ""
        yield Mistake(entry.where, f"{channel}the device {device.dev_eui} stands already in {first.where}")


def _mistakes_of_setting(setting: Setting, described: dict[tuple[str, str | None], Setting]) -> Iterator[Mistake]:
    """A site or zone has one table. Of two, each would change the settings of the other at every import."""
    first = described.setdefault((setting.site, setting.zone), setting)
    if first is not setting:
        place = f"site {setting.site}" if setting.zone is None else f"zone {setting.site}/{setting.zone}"
        yield Mistake(setting.where, f"the {place} stands already in {first.where}")


def _mistakes_of_another(entry: Entry, first: Entry) -> Iterator[Mistake]:
    """A space has several lines, one for each of its sensors."""
    if entry.assignment is None or first.assignment is None:
        yield Mistake(entry.where, f"the space {entry.place} stands already in {first.where}")
    elif entry.sensors is not first.sensors:
        yield Mistake(entry.where, f"sensors differs from {first.where}, which has the same space {entry.place}")
    elif entry.attributes != first.attributes:
        yield Mistake(entry.where, f"attributes differ from {first.where}, which has the same space {entry.place}")


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
    device = {column: values[column] for column in DEVICE if column != "sensors"}
    assignment = Assignment(**device, kept=KEPT - record.cells.keys()) if values["dev_eui"] else None
    attributes = {column: values[column] for column in ATTRIBUTES if column in record.cells}
    entry = Entry(place=place, assignment=assignment, sensors=sensors, attributes=attributes, where=record.where)
    return entry, []


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
    if not values["dev_eui"] and values["observe"]:
        yield "observe says for how many uplinks a device is observed first, but dev_eui names none"
    if not values["dev_eui"] and values["sensors"]:
        yield "sensors says when a space with several sensors is occupied, but dev_eui names none"
    if (values["lat"] is None) != (values["lon"] is None):
        yield "lat and lon are a position together, and one of them is missing"
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


_READ: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(REQUIRED, cells.name),
    "dev_eui": cells.dev_eui,
    "channel": cells.channel,
    "codec": cells.codec,
    "options": cells.options,
    "lost_after": cells.seconds,
    "observe": cells.observe,
    "sensors": cells.sensor_rule,
    "audience": cells.audience,
    "purpose": cells.purpose,
    "lat": cells.degrees(90),
    "lon": cells.degrees(180),
    "max_stay": cells.seconds,
    "tags": cells.tags,
}
