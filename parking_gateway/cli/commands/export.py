"""The command that shows the past, or writes it as CSV."""

import csv
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.choices import moment
from parking_gateway.cli.commands.configuration import ConfigFile, configured
from parking_gateway.cli.opened import work_on
from parking_gateway.cli.shown import MOST_ROWS, show_table

if TYPE_CHECKING:
    from _csv import Writer

    from parking_gateway.store.pool import Pool
    from parking_gateway.store.query import Rows


class What(StrEnum):
    """What can be exported."""

    STAYS = "stays"
    OCCUPANCY = "occupancy"


From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="Later ones only: 3d, 2026-11-23 or RFC 3339.", show_default=False)
]
WhatArgument = Annotated[What, typer.Argument(help="What is written.", show_default=False)]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Earlier ones only: as --from.", show_default=False)]
AsCsv = Annotated[bool, typer.Option("--csv", help="As CSV, for files and spreadsheets.")]


def export(
    what: WhatArgument, *, since: From = "", until: To = "", as_csv: AsCsv = False, config: ConfigFile = None
) -> None:
    """Show stays or the hourly occupancy, or write them as CSV.

    `occupancy` is that of each zone by the hour. Times are UTC. `stays` are those that ended in the time range. The columns are those of the views `stay` and
    `occupancy_hourly`. Without --csv it is a table, in a terminal of the first 1,000 rows.

    For example:

        parking-gateway export stays --from 30d --csv > stays.csv
    """
    from parking_gateway.store import export as exported  # noqa: PLC0415 - heavy

    effective, begin, end = configured(config), moment(since), moment(until) or datetime.now(UTC)
    columns, parts = (
        (exported.STAY_COLUMNS, exported.stays) if what is What.STAYS else (exported.HOUR_COLUMNS, exported.hours)
    )

    async def read(pool: "Pool", take: "Callable[[Rows], bool]") -> None:
        async with pool.connect() as connection:
            (first,) = await connection.commit_together(exported.first())
        if first is None:
            return
        for query in parts(max(begin, first) if begin else first, end):
            async with pool.connect() as connection:
                (rows,) = await connection.commit_together(query)
            if not take(rows):
                return

    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        work_on(effective, partial(read, take=partial(_written, writer)))
        sys.stdout.flush()  # at the exit of Python, a closed pipe would be a traceback
    else:
        shown: list[tuple[object, ...]] = []
        work_on(effective, partial(read, take=partial(_kept, shown)))
        show_table(columns, shown)


def _written(writer: "Writer", rows: "Rows") -> bool:
    """Write a part of the rows. Returns whether more are wanted."""
    writer.writerows([_text(value) for value in row] for row in rows)
    return True


def _kept(shown: list[tuple[object, ...]], rows: "Rows") -> bool:
    """Keep a part of the rows. Returns whether more are wanted: a terminal shows the first ones only."""
    shown.extend(rows)
    return len(shown) <= MOST_ROWS or not sys.stdout.isatty()


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else value
