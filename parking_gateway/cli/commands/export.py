"""The command that writes the past as CSV."""

import csv
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.choices import moment
from parking_gateway.cli.commands.configuration import ConfigFile, configured
from parking_gateway.cli.opened import fail, work_on

if TYPE_CHECKING:
    from parking_gateway.store.pool import Pool


class What(StrEnum):
    """What can be exported."""

    STAYS = "stays"
    OCCUPANCY = "occupancy"


From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="Later ones only: 3d, 2026-11-23 or RFC 3339.", show_default=False)
]
WhatArgument = Annotated[What, typer.Argument(help="What is written.", show_default=False)]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Earlier ones only: as --from.", show_default=False)]
AsCsv = Annotated[bool, typer.Option("--csv", help="As CSV, which is the only form.")]


def export(
    what: WhatArgument, *, since: From = "", until: To = "", as_csv: AsCsv = False, config: ConfigFile = None
) -> None:
    """Write stays, or the occupancy of zones by the hour, as CSV.

    Times are UTC. `stays` are those that ended in the time range. The columns are those of the views `stay` and
    `occupancy_hourly`.

    For example:

        parking-gateway export stays --from 30d --csv > stays.csv
    """
    from parking_gateway.store import export as exported  # noqa: PLC0415 - heavy

    if not as_csv:
        fail("Say --csv: it is the only form.")
    begin, end = moment(since), moment(until) or datetime.now(UTC)
    columns, parts = (
        (exported.STAY_COLUMNS, exported.stays) if what is What.STAYS else (exported.HOUR_COLUMNS, exported.hours)
    )

    async def work(pool: "Pool") -> None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        async with pool.connect() as connection:
            (first,) = await connection.commit_together(exported.first())
        if first is None:
            return
        for query in parts(max(begin, first) if begin else first, end):
            async with pool.connect() as connection:
                (rows,) = await connection.commit_together(query)
            writer.writerows([_text(value) for value in row] for row in rows)

    work_on(configured(config), work)


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else value
