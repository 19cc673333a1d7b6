"""Rows that are older than they are kept: whole months, which are dropped, and rows of the default partitions.

Nothing here waits longer for a lock than `partitions.LOCK_TIMEOUT`, because uplinks wait behind it.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.store.partitions import Grown, Month, limit_lock_waits, month_of
from parking_gateway.store.query import Query, Rows, Statement, command, counts, written
from parking_gateway.store.tables import TIME, uplink

AT_ONCE: Final = 2000
"""The most rows of a page of an archive, and of one deletion: a few milliseconds each."""
BYTES_AT_ONCE: Final = 2_000_000
"""The most bytes of a page, but for its last row. A rejected payload can have megabytes."""
_LONG: Final = "1 second"
"""A transaction of this age, such as that of a report or of pg_dump, may keep its locks for minutes."""


class Page(NamedTuple):
    """Rows of a partition as lines of JSON."""

    rows: int
    last: str | None
    """The place of the last one in the table. None: there are no more rows."""
    lines: str


class Strays(NamedTuple):
    """Rows of a default partition."""

    rows: int
    """At most `COUNTED` and one."""
    has_new: bool
    """Whether some are new."""


COUNTED: Final = 10_000
FIRST: Final = "(0,0)"
"""The place before every row."""


def today(now: datetime) -> Query[datetime]:
    """The time by which rows are old: the earliest of our clock, the database's, and that of the newest uplink.

    A clock that is ahead by a year makes no row old, and neither does an absence of a year.
    """
    return Query(statement=_TODAY, arguments={"now": now}, read=lambda rows: rows[0][0])


_TODAY: Final = Statement(
    sa.text("""
select least(
    cast(:now as timestamptz),
    now(),
    (
        select max(time) from uplink
        where time between cast(:now as timestamptz) - interval '50 years' and cast(:now as timestamptz)
    )
)
""").bindparams(sa.bindparam("now", type_=TIME))
)


def months(table: Grown) -> Query[list[Month]]:
    """The months of a table that have a partition, the oldest first."""

    def read(rows: Rows) -> list[Month]:
        found = [re.fullmatch(rf"{table.name}_(\d{{4}})_(\d\d)", name) for (name,) in rows]
        firsts = sorted(datetime(int(one[1]), int(one[2]), 1, tzinfo=UTC) for one in found if one)
        return [Month(table, first, month_of(first, ahead=1)) for first in firsts]

    return Query(statement=_PARTITIONS, arguments={"table": table.name}, read=read)


_PARTITIONS: Final = Statement(
    sa.text(
        "select relname from pg_inherits join pg_class on pg_class.oid = inhrelid where inhparent = to_regclass(:table)"
    ).bindparams(sa.bindparam("table", type_=sa.Text))
)


def is_held(table: Grown) -> Query[bool]:
    """Whether a long transaction uses the table or its default partition. A lock on them would have to wait for its end."""
    return Query(
        statement=_HELD, arguments={"table": table.name, "rest": table.default}, read=lambda rows: bool(rows[0][0])
    )


_HELD: Final = Statement(
    sa.text(
        f"""
select exists (
    select
    from pg_locks
    join pg_stat_activity on pg_stat_activity.pid = pg_locks.pid
    where
        pg_locks.relation in (to_regclass(:table), to_regclass(:rest)) and pg_locks.pid <> pg_backend_pid()
        and pg_locks.database = (select oid from pg_database where datname = current_database())
        and pg_stat_activity.xact_start < clock_timestamp() - interval '{_LONG}'
)
"""
    ).bindparams(sa.bindparam("table", type_=sa.Text), sa.bindparam("rest", type_=sa.Text))
)


def lock(month: Month) -> list[Query[None]]:
    """Let nothing change the rows of the month until the transaction ends. Rows of other months come and go."""
    lock = f"lock table {month.partition} in share row exclusive mode"
    return [limit_lock_waits(), command(Statement(sa.text(lock)))]


def count(month: Month) -> Query[int]:
    """How many rows the month has. It takes a second for ten million."""
    statement = Statement(sa.text(f"select count(*) from {month.partition}"))
    return counts(statement)


def drop(month: Month) -> list[Query[None]]:
    """Drop the month. The files are deleted after the commit, when the locks are given back."""
    # In this order, in which everybody locks them. The table alone, because else all of its partitions were locked.
    locks = (f"lock table only {month.table.name} in access exclusive mode", f"drop table {month.partition}")
    return [limit_lock_waits(), *(command(Statement(sa.text(one))) for one in locks)]


def page(month: Month, *, after: str) -> Query[Page]:
    """The first rows of the month behind this place."""
    statement = _page(month.table, month.partition, "true")
    return Query(statement=statement, arguments={"after": after}, read=_read_page)


def old_page(table: Grown, *, before: datetime, after: str) -> Query[Page]:
    """The same of the old rows of the default partition."""
    return Query(
        statement=_page(table, table.default, _is_old(table)),
        arguments={"after": after, "before": before},
        read=_read_page,
    )


def has_old(table: Grown, *, before: datetime) -> Query[bool]:
    """Whether the default partition has old rows."""
    return Query(statement=_has_old(table), arguments={"before": before}, read=lambda rows: bool(rows[0][0]))


def delete_old(table: Grown, *, before: datetime) -> Query[int]:
    """Delete the first old rows of the default partition. The answer is how many they were."""
    return counts(_delete_old(table), {"before": before})


def strays(table: Grown, *, since: datetime) -> Query[Strays]:
    """The rows of the default partition, and whether some came since then."""
    statement = f"""
select
    (select count(*) from (select from {table.default} limit {COUNTED + 1}) as first_rows),
    exists (select from {table.default} where {table.age} >= cast(:before as timestamptz))
"""
    return Query(
        statement=written(statement, before=TIME), arguments={"before": since}, read=lambda rows: Strays(*rows[0])
    )


# An archive is also read where the numbers of codecs are others, so it has their names and versions too.
_NAMED: Final = """(
            select row_to_json(named)
            from (
                select one.*, (select name || '@' || version from codec where codec.id = one.codec_id) as codec
            ) as named
        )"""


@lru_cache
def _page(table: Grown, partition: str, condition: str) -> Statement:
    line = _NAMED if table.name == uplink.name else "row_to_json(one)"
    # By place, which needs no index and no sort of the table. One value for the page, because each costs Python time.
    return written(
        f"""
select count(*), cast(max(place) as text), coalesce(string_agg(line, chr(10) order by place), '')
from (
    select place, line, sum(length(line)) over (order by place) - length(line) as size_before
    from (
        select ctid as place, cast({line} as text) as line
        from {partition} as one
        where ctid > cast(:after as tid) and {condition}
        limit {AT_ONCE}
    ) as page
) as sized
where size_before < {BYTES_AT_ONCE}
""",
        before=TIME,
    )


@lru_cache
def _has_old(table: Grown) -> Statement:
    return written(f"select exists (select from {table.default} where {_is_old(table)})", before=TIME)


@lru_cache
def _delete_old(table: Grown) -> Statement:
    some = f"select ctid from {table.default} where {_is_old(table)} order by {table.age} limit {AT_ONCE}"
    return written(
        f"""
with gone as (delete from {table.default} where ctid = any (array({some})) returning 1) select count(*) from gone
""",
        before=TIME,
    )


def _is_old(table: Grown) -> str:
    return f"{table.age} < cast(:before as timestamptz)"


def _read_page(rows: Rows) -> Page:
    return Page(*rows[0])
