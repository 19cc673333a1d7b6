"""The checks of the partitions: the months ahead, those that are too old, and the rows in no month."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.wording import counted
from parking_gateway.process.config import Config
from parking_gateway.store import partitions, retention
from parking_gateway.store.database import Database
from parking_gateway.store.partitions import GROWN, Grown, Month
from parking_gateway.store.retention import Strays
from parking_gateway.store.verdicts import FAILURES, diagnosis_of

_PATIENCE = timedelta(days=1)
"""A month that is this much too old is more than a month that waits for the end of a report."""
_MOST = 5


async def examine_months(database: Database, config: Config, *, now: datetime) -> list[Check]:
    """Look at the partitions of all tables. `now`: for which time."""
    try:
        async with database.connect() as connection:
            today, missing = await connection.together(retention.today(now), partitions.missing(partitions.months(now)))
            months = {table: (await connection.together(retention.months(table)))[0] for table in GROWN}
            strays = {
                table: (await connection.together(retention.strays(table, since=now - _PATIENCE)))[0] for table in GROWN
            }
    except FAILURES as error:
        detail = f"they cannot be checked: {diagnosis_of(error).sentence}"
        return [Check(about="partitions", detail=detail, is_judged=False)]
    too_old = [
        month
        for table, found in months.items()
        if (kept := config.retention.kept_for(table.name)) is not None
        for month in found
        if month.after + _PATIENCE < today - kept
    ]
    return [_ahead(missing), _retention(too_old), *_strays(strays)]


def _ahead(missing: list[Month]) -> Check:
    if not missing:
        return Check(about="partitions", detail="those of this month and the next two are there, of every table")
    detail = f"{_named([month.partition for month in missing])}: absent, so their rows go into the default partitions"
    fix = "parking-gateway migrate, as the owner of the tables; it says what is in the way"
    return Check(about="partitions", detail=detail, fix=fix)


def _retention(too_old: list[Month]) -> Check:
    if not too_old:
        return Check(about="retention", detail="no month is older than the section [retention] says")
    detail = f"{_named([month.partition for month in too_old])}: older than the section [retention] says"
    fix = (
        "Start the gateway; if it runs, end the session that uses the table"
        " (select * from pg_stat_activity order by xact_start), or mend what its log says about old rows"
    )
    return Check(about="retention", detail=detail, fix=fix)


def _strays(found: dict[Grown, Strays]) -> Iterator[Check]:
    for table, strays in found.items():
        if not strays.rows:
            continue
        rows = f"{counted(strays.rows, 'row')}{' or more' if strays.rows > retention.COUNTED else ''}"
        detail = f"{table.default} has {rows} in no month"
        if not strays.has_new:
            yield Check(about="partitions", detail=f"{detail}; none is of the last day")
            continue
        fix = "Set the wrong clocks by NTP: parking-gateway doctor names those of LoRaWAN gateways; retention deletes the rows"
        yield Check(about="partitions", detail=f"{detail}, some of the last day: a clock is wrong", fix=fix)


def _named(names: list[str]) -> str:
    rest = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {rest} more" if rest > 0 else "")
