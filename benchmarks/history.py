"""A history for a car park: a month of uplinks, in the partitions that the gateway would have made."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import psycopg

from benchmarks.car_park import DEV_EUI

_MEMORY: Final = "1GB"
"""For the indexes, which are made when all rows are there: that is several times faster than row by row."""
_CHUNK: Final = timedelta(days=1)


class History(StrEnum):
    """How long the gateway has been at work."""

    NONE = "none"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def span(self) -> timedelta:
        """Until now."""
        return {
            History.NONE: timedelta(),
            History.HOUR: timedelta(hours=1),
            History.DAY: timedelta(days=1),
            History.MONTH: timedelta(days=30),
        }[self]


# Sensors speak at times of their own, so that one after the other is in the table as it is in life.
FILL: Final = f"""
insert into {{table}} (
    deduplication_id, dev_eui, time, heard_at, received_at, f_cnt, dev_addr, f_port, data, dr, confirmed, rssi, snr,
    gateway_count
)
select
    gen_random_uuid(), {DEV_EUI}, at, at, at + interval '150 ms', 1, '01a2d830', 1, '\\x00', 5, false, -102, -7.25, 1
from
    generate_series(%(first)s::timestamptz, %(after)s::timestamptz - interval '1 us', %(every)s::interval) as turn,
    generate_series(1, %(spaces)s) as number,
    lateral (select turn + (number - 1) * %(every)s::interval / %(spaces)s as at) as one
where at < %(after)s
"""


def fill(url: str, history: History, *, spaces: int, uplinks_per_day: int, until: datetime) -> int:
    """Let every sensor have spoken so often a day, up to `until`. Returns how many uplinks that makes.

    The table must have no partition of these months yet.
    """
    filled = 0
    facts = {"spaces": spaces, "every": timedelta(days=1) / uplinks_per_day}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set maintenance_work_mem = '{_MEMORY}'")
        for month, after_month in _months(until - history.span, until):
            table = f"uplink_{month:%Y_%m}"
            connection.execute(f"create table {table} (like uplink including defaults including constraints)")
            for first, after in chunks(max(month, until - history.span), min(after_month, until)):
                done = connection.execute(FILL.format(table=table), {**facts, "first": first, "after": after})
                filled += done.rowcount
            _attach(connection, table, month, after_month)
        connection.execute("vacuum analyze")
    return filled


def _attach(connection: psycopg.Connection[Any], table: str, first: datetime, after: datetime) -> None:
    """Make it part of `uplink`, which gives it the indexes."""
    bounds = f"from ('{first:%Y-%m-%d}') to ('{after:%Y-%m-%d}')"
    with connection.transaction():
        connection.execute("set local timezone = 'UTC'")
        connection.execute(f"alter table uplink attach partition {table} for values {bounds}")


def _months(first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The beginnings of the months that the span touches, each with that of the next."""
    month = datetime(first.year, first.month, 1, tzinfo=UTC)
    while month < last:
        after = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
        yield month, after
        month = after


def chunks(first: datetime, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """A span in pieces that one statement fills."""
    while first < after:
        end = min(first + _CHUNK, after)
        yield first, end
        first = end
