"""Files of what a person has seen: a line for each look at a space. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from parking_gateway.core.utc import in_utc
from parking_gateway.register import cells, csv_files
from parking_gateway.register.entries import Mistake, Place, Record
from parking_gateway.register.files import decoded

COLUMNS: Final = ("site", "zone", "space", "time", "occupied")
REQUIRED: Final = ("space", "time", "occupied")
_WORDS: Final = {
    **dict.fromkeys(
        ("yes", "y", "true", "t", "1", "occupied", "taken", "full", "car", "x", "ja", "belegt", "besetzt"), True
    ),
    **dict.fromkeys(("no", "n", "false", "f", "0", "vacant", "free", "empty", "nein", "frei", "leer"), False),
}
_OF_A_SPREADSHEET: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})[ T]+(\d{1,2}:\d{2}(?::\d{2})?)")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has seen on a space."""

    place: Place
    at: datetime
    """Without an offset it is in the time zone of the site."""
    is_occupied: bool
    where: str


def read(data: bytes) -> list[Look | Mistake]:
    """The lines of the file, or what is wrong with each."""
    text = decoded(data)
    if isinstance(text, Mistake):
        return [text]
    return [
        one if isinstance(one, Mistake) else _look(one)
        for one in csv_files.records(text, columns=COLUMNS, required=REQUIRED)
    ]


def dated(looks: list[Look], zones: Mapping[str, str], *, now: datetime) -> Iterator[Look | Mistake]:
    """The looks with times in UTC. `zones` has the time zone of each site by its name."""
    seen: dict[tuple[Place, datetime], Look] = {}
    for one in looks:
        zone = zones.get(one.place.site, "UTC")
        at = one.at if one.at.tzinfo else one.at.replace(tzinfo=ZoneInfo(zone))
        if at.utcoffset() != at.replace(fold=1).utcoffset():
            yield Mistake(one.where, f"time {one.at} is twice or not at all in {zone}: write it with its offset")
            continue
        at_utc = in_utc(at)
        if at_utc is None:
            yield Mistake(one.where, f"time {at} is beyond the calendar")
            continue
        if at_utc > now:
            yield Mistake(one.where, f"time {at_utc:%Y-%m-%d %H:%M} UTC is still to come")
            continue
        first = seen.setdefault((one.place, at_utc), one)
        if first.is_occupied is not one.is_occupied:
            yield Mistake(one.where, f"occupied differs from {first.where}, which has the same space and time")
        elif first is one:
            yield msgspec.structs.replace(one, at=at_utc)


def _look(record: Record) -> Look | Mistake:
    found = {column: record.cells.get(column, "").strip() for column in COLUMNS}
    names = found["space"].split("/") if "/" in found["space"] else [found["site"], found["zone"], found["space"]]
    try:
        site, zone, space = map(cells.name, names)
    except ValueError:
        return Mistake(record.where, f"space {found['space']!r} names none: write SITE/ZONE/SPACE")
    at = _time(found["time"])
    if at is None:
        what = f"time cannot be {found['time']!r}, only as 2026-03-01 08:00, 01.03.2026 08:00 or 2026-03-01T08:00+01:00"
        return Mistake(record.where, what)
    is_occupied = _WORDS.get(found["occupied"].lower())
    if is_occupied is None:
        return Mistake(record.where, f"occupied cannot be {found['occupied']!r}, only a word such as yes or no")
    return Look(place=Place(site, zone, space), at=at, is_occupied=is_occupied, where=record.where)


def _time(text: str) -> datetime | None:
    if found := _OF_A_SPREADSHEET.fullmatch(text):
        day, month, year, time = found.groups()
        text = f"{year}-{month:>02}-{day:>02} {time:>0{_TIME[time.count(':')]}}"
    if ":" not in text:  # a date alone would be midnight
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


_TIME: Final = {1: len("08:00"), 2: len("08:00:00")}
