"""The months of `uplink`: made before they begin, so that the default partition stays empty."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import array_of

MONTHS_AHEAD: Final = 2
LOCK_TIMEOUT: Final = 200
"""Milliseconds to wait for a lock. Other transactions wait behind us as long."""


class Month(NamedTuple):
    """A month of UTC."""

    first: datetime
    after: datetime
    """The first moment of the next month."""

    @property
    def partition(self) -> str:
        """The name of its table."""
        return f"uplink_{self.first:%Y_%m}"


def months(now: datetime) -> list[Month]:
    """The month of `now` and those after it that need a partition already."""
    return [Month(_month(now, ahead), _month(now, ahead + 1)) for ahead in range(MONTHS_AHEAD + 1)]


_MISSING: Final = Statement(
    sa.text("select name from unnest(cast(:names as text[])) as name where to_regclass(name) is null").bindparams(
        sa.bindparam("names", type_=sa.Text)
    )
)


def missing(wanted: Iterable[Month]) -> Query[list[Month]]:
    """Those of these months that have no partition."""
    by_name = {one.partition: one for one in wanted}

    def read(rows: Rows) -> list[Month]:
        return [by_name[name] for (name,) in rows]

    return Query(statement=_MISSING, arguments={"names": array_of(list(by_name))}, read=read)


_LOCK: Final = (
    Statement(sa.text(f"set local lock_timeout = {LOCK_TIMEOUT}")),
    Statement(sa.text("lock table uplink_default in access exclusive mode")),
)


def lock_default() -> list[Query[None]]:
    """Lock the default partition until the transaction ends: no uplink falls into it, and only one gateway goes on.

    It fails within `LOCK_TIMEOUT` if another session uses the default partition, such as pg_dump, because every uplink that
    falls into it, and every statement that reads all of `uplink`, waits behind us. Attaching a partition locks the default
    one as well, but then with a lock on `uplink` in hand. To take this lock first keeps uplinks of other months going.
    """
    return [command(one) for one in _LOCK]


def make(month: Month) -> Query[None]:
    """Make the partition of a month. Rows of the month in the default partition, which would forbid it, move along."""
    name = month.partition
    bounds = f"from ('{month.first:%Y-%m-%d}') to ('{month.after:%Y-%m-%d}')"
    condition = f"time >= '{month.first:%Y-%m-%d}' and time < '{month.after:%Y-%m-%d}'"
    return command(
        Statement(
            sa.text(f"""do $$ begin
    create table {name} (like uplink including all);
    with moved as (delete from uplink_default where {condition} returning *) insert into {name} select * from moved;
    alter table uplink attach partition {name} for values {bounds};
end $$""")
        )
    )


def _month(day: datetime, ahead: int) -> datetime:
    years, month = divmod(day.astimezone(UTC).month - 1 + ahead, 12)
    return datetime(day.astimezone(UTC).year + years, month + 1, 1, tzinfo=UTC)
