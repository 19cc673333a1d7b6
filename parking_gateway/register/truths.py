"""What people have seen, in the database: entered once, however often its file is read."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from parking_gateway.register import truth_files
from parking_gateway.register.entries import Mistake
from parking_gateway.register.truth_files import Look
from parking_gateway.store import car_park, settings, truths
from parking_gateway.store.database import Connection


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for the lines of a file."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0


async def enter(
    connection: Connection, looks: Sequence[Look | Mistake], *, now: datetime, remove: bool = False
) -> Kept | list[Mistake]:
    """Enter these looks, or remove them; the caller commits. With a mistake, nothing is written."""
    read = [one for one in looks if isinstance(one, Look)]
    ids, sites = await connection.together(
        car_park.ids({one.place for one in read}), settings.listed(["time_zone"], of_sites=True)
    )
    zones = {row["site"]: row["time_zone"] for row in sites}
    dated = list(truth_files.dated(read, zones, now=now))
    mistakes = [one for one in (*looks, *dated) if isinstance(one, Mistake)]
    mistakes += [
        Mistake(one.where, f"there is no space {one.place}: `parking-gateway spaces list` lists all")
        for one in read
        if one.place not in ids
    ]
    if mistakes:
        return sorted(mistakes, key=_line)
    rows = [(ids[one.place], one.at, one.is_occupied) for one in dated if isinstance(one, Look)]
    if remove:
        (removed,) = await connection.together(truths.remove(rows))
        return Kept(removed=removed, unchanged=len(rows) - removed)
    (written,) = await connection.together(truths.enter(rows))
    return Kept(created=written.count(True), changed=written.count(False), unchanged=len(rows) - len(written))


def _line(one: Mistake) -> int:
    digits = one.where.removeprefix("line ")
    return int(digits) if digits.isdigit() else 0
