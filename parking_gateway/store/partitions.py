"""The months of the tables that grow: made before they begin, so that the default partitions stay empty.

`retention` drops them when they are old.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import array_of

MONTHS_AHEAD: Final = 2
LOCK_TIMEOUT: Final = 100
"""Milliseconds to wait for a lock. Other transactions wait behind us as long."""
LARGE: Final = 8_000_000
"""Bytes of a large default partition. PostgreSQL reads all of it to attach a month, with locks in hand: 10 ms for these."""


class Grown(NamedTuple):
    """A table that is partitioned by month."""

    name: str
    column: str
    """Its value decides the month of a row."""
    age: str
    """The column by which retention deletes rows of the default partition: a wrong clock did not write it, if possible."""

    @property
    def default(self) -> str:
        """The partition of the rows that are in no month."""
        return f"{self.name}_default"


UPLINK: Final = Grown("uplink", "time", "received_at")
TRANSITION: Final = Grown("transition", "at", "at")
GROWN: Final = (
    UPLINK,
    TRANSITION,
    Grown("rejection", "received_at", "received_at"),
    Grown("device_event", "time", "received_at"),
    Grown("past_reading", "heard_at", "heard_at"),
    Grown("past_stay", "arrived_at", "arrived_at"),
    Grown("request", "at", "at"),
)
"""All of them. A redelivery repeats the value of `column`, except in a rejection, and so does a replay."""


class Month(NamedTuple):
    """A month of UTC of a table."""

    table: Grown
    first: datetime
    after: datetime
    """The first moment of the next month."""

    @property
    def partition(self) -> str:
        """The name of the month's own table."""
        return f"{self.table.name}_{self.first:%Y_%m}"

    @property
    def has_it(self) -> str:
        """The condition that a row is in the month."""
        column = self.table.column
        return f"{column} >= '{self.first:%Y-%m-%d}Z' and {column} < '{self.after:%Y-%m-%d}Z'"

    @property
    def bounds(self) -> str:
        """The bounds of its partition."""
        return f"from ('{self.first:%Y-%m-%d}Z') to ('{self.after:%Y-%m-%d}Z')"


class Found(NamedTuple):
    """A month without a partition."""

    month: Month
    is_crowded: bool
    """Whether the default partition is large and has rows of the month, so that they cannot be moved in a moment."""
    is_large: bool
    """Whether the default partition is large."""


def months(now: datetime) -> list[Month]:
    """Of every table, the month of `now` and those after it that need a partition already."""
    return [
        Month(table, month_of(now, ahead=ahead), month_of(now, ahead=ahead + 1))
        for table in GROWN
        for ahead in range(MONTHS_AHEAD + 1)
    ]


def month_of(day: datetime, *, ahead: int = 0) -> datetime:
    """The first moment of the month of this day, or of a month after it."""
    day = day.astimezone(UTC)
    years, month = divmod(day.month - 1 + ahead, 12)
    return datetime(day.year + years, month + 1, 1, tzinfo=UTC)


_MISSING: Final = Statement(
    sa.text("select name from unnest(cast(:names as text[])) as name where to_regclass(name) is null").bindparams(
        sa.bindparam("names", type_=sa.Text)
    )
)


def missing(wanted: Collection[Month]) -> Query[list[Month]]:
    """Those of these months that have no partition."""
    by_name = {one.partition: one for one in wanted}

    def read(rows: Rows) -> list[Month]:
        return [by_name[name] for (name,) in rows]

    return Query(statement=_MISSING, arguments={"names": array_of(list(by_name))}, read=read)


def look(month: Month) -> Query[Found]:
    """How the month can be made."""
    default = month.table.default
    statement = f"select pg_relation_size('{default}') > {LARGE}, exists (select from {default} where {month.has_it})"

    def read(rows: Rows) -> Found:
        ((is_large, has_rows),) = rows
        return Found(month, is_crowded=is_large and has_rows, is_large=is_large)

    return Query(statement=Statement(sa.text(statement)), arguments={}, read=read)


_LIMIT: Final = Statement(sa.text(f"set local lock_timeout = {LOCK_TIMEOUT}"))
_LOCK_SPACES: Final = Statement(sa.text("lock table space in share row exclusive mode"))


def limit_lock_waits() -> Query[None]:
    """Let every later wait of the transaction for a lock fail soon, because others wait behind us as long."""
    return command(_LIMIT)


def lock_default(table: Grown) -> list[Query[None]]:
    """Lock the default partition until the transaction ends: no row falls into it, and only one gateway goes on.

    It fails within `LOCK_TIMEOUT` if another session uses the default partition, such as pg_dump, because every row that
    falls into it, and every statement that reads all of the table, waits behind us. Attaching a partition locks the default
    one as well, but then with a lock on the table in hand. To take this lock first keeps rows of other months going.
    """
    statement = Statement(sa.text(f"lock table {table.default} in access exclusive mode"))
    # The foreign key of a month of the log needs this lock. Uplinks take theirs on spaces first, too.
    spaces = [command(_LOCK_SPACES)] if table is TRANSITION else []
    return [limit_lock_waits(), *spaces, command(statement)]


def make(month: Month) -> Query[None]:
    """Make the partition of a month. Rows of the month in the default partition, which would forbid it, move along."""
    name, table = month.partition, month.table
    return command(
        Statement(
            sa.text(f"""do $$ begin
    create table {name} (like {table.name} including all excluding identity);
    with moved as (delete from {table.default} where {month.has_it} returning *) insert into {name} select * from moved;
    alter table {table.name} attach partition {name} for values {month.bounds};
    alter table {table.default} drop constraint if exists {_excluding(month)};
end $$""")
        )
    )


def exclude(month: Month) -> Query[None]:
    """Let the default partition take no row of the month. A row of it is refused until the month is made."""
    table, name = month.table.default, _excluding(month)
    return command(
        Statement(
            sa.text(f"""do $$ begin
    alter table {table} drop constraint if exists {name};
    alter table {table} add constraint {name} check (not ({month.has_it})) not valid;
end $$""")
        )
    )


def prove_excluded(month: Month) -> Query[None]:
    """Have PostgreSQL read the default partition, while rows come and go. Then the month is attached without reading it."""
    return command(Statement(sa.text(f"alter table {month.table.default} validate constraint {_excluding(month)}")))


def _excluding(month: Month) -> str:
    return f"not_in_{month.partition}"
