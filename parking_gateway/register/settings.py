"""Settings of sites and zones, from a file or a command. A setting that is not given stays as it is."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from parking_gateway.register import cells

Kind = Literal["zones", "sites"]
SETTINGS: Final[Mapping[Kind, Mapping[str, Callable[[str], Any]]]] = {
    "sites": {"time_zone": cells.time_zone, "lat": cells.degrees(90), "lon": cells.degrees(180)},
    "zones": {
        "max_stay": cells.seconds,
        "stay_limits": cells.stay_limits,
        "grace": cells.seconds_or_none_at_all,
        "keeps_on_leaving": cells.truth,
        "capacity": cells.cars,
        "resets_at": cells.time_of_day,
    },
}
"""What can be set, by the names of columns, each with the function that reads its text. Empty text is the default."""
DEFAULTS: Final[Mapping[str, Any]] = {"time_zone": "UTC"}
"""Of settings whose default is not null."""
NAMES: Final[Mapping[Kind, tuple[str, ...]]] = {"sites": ("site",), "zones": ("site", "zone")}


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one site, or of one zone."""

    site: str
    zone: str | None = None
    """None: they are those of the site."""
    values: Mapping[str, Any]
    """The given ones, by column."""
    where: str = ""
    """Where they were written, such as `line 7`."""


def setting_of(kind: Kind, given: Mapping[str, str], *, where: str = "") -> tuple[Setting | None, list[str]]:
    """The settings in these cells, or what is wrong with them."""
    readers = {**dict.fromkeys(NAMES[kind], cells.name), **SETTINGS[kind]}
    refusals = [f"the key {key!r} is unknown; there are {', '.join(readers)}" for key in given if key not in readers]
    values: dict[str, Any] = {}
    for column, read in readers.items():
        if column not in given and column not in NAMES[kind]:
            continue
        try:
            values[column] = read(given.get(column, "").strip())
        except ValueError as refusal:
            refusals.append(f"{column} {refusal}")
    if refusals:
        return None, refusals
    names = {column: values.pop(column) for column in NAMES[kind]}
    return Setting(**names, values=values, where=where), []
