"""Stays and hours for a file, a part of the time range at a time, so that no range is too long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.tables import TIME

STAY_COLUMNS: Final = ("site", "zone", "space", "arrived_at", "departed_at", "seconds", "overstay", "reservation")
HOUR_COLUMNS: Final = (
    "site",
    "zone",
    "hour",
    "spaces",
    "occupied_seconds",
    "occupancy",
    "arrivals",
    "departures",
    "mean_stay_seconds",
)


def _between(view: str, columns: tuple[str, ...], time: str) -> Statement:
    # Without its name, which a column of text has in another table.
    read = ["occupancy as occupied_part" if column == "occupancy" else column for column in columns]
    sql = f"""
select {", ".join(read)} from {view} where {time} >= :since and {time} < :until order by {time}, site, zone, {columns[2]}
"""
    return Statement(sa.text(sql).bindparams(sa.bindparam("since", type_=TIME), sa.bindparam("until", type_=TIME)))


_STAYS: Final = _between("stay", STAY_COLUMNS, "departed_at")
_HOURS: Final = _between("occupancy_hourly", HOUR_COLUMNS, "hour")
_FIRST: Final = Statement(
    sa.text("select least((select min(departed_at) from past_stay), (select min(hour) from occupancy_hour))")
)


def first() -> Query[datetime | None]:
    """The time of the first row of either. None: there is none."""
    return Query(statement=_FIRST, arguments={}, read=lambda rows: rows[0][0])


def stays(since: datetime, until: datetime) -> Iterator[Query[Rows]]:
    """The stays that ended in this time, an hour at a time."""
    return _parts(_STAYS, since, until, by=timedelta(hours=1))


def hours(since: datetime, until: datetime) -> Iterator[Query[Rows]]:
    """The hours that began in this time, a day at a time."""
    return _parts(_HOURS, since, until, by=timedelta(days=1))


def _parts(statement: Statement, since: datetime, until: datetime, *, by: timedelta) -> Iterator[Query[Rows]]:
    while since < until:
        end = min(since + by, until)
        arguments: dict[str, Any] = {"since": since, "until": end}
        yield Query(statement=statement, arguments=arguments, read=lambda rows: rows)
        since = end
