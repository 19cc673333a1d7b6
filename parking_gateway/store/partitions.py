"""The months of `uplink`: made before they begin, so that the default partition stays empty."""

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from parking_gateway.store.database import Connection

_EXISTS: Final = sa.text("select to_regclass(:name) is not null")
MONTHS_AHEAD: Final = 2
LOCK_TIMEOUT: Final = 200
"""Milliseconds to wait for a lock. Whoever comes later than we waits for as long."""

Month = tuple[datetime, datetime]
"""Its first moment, and that of the next month."""


async def ensure(connection: Connection, *, now: datetime) -> list[str]:
    """Make the partitions of the month of `now` and the months after it. Returns the names of those that are new.

    Raises within `LOCK_TIMEOUT` where somebody else uses the default partition, such as pg_dump: every uplink that falls
    into it and every statement that reads all of `uplink` waits behind us.
    """
    months = [(_month(now, ahead), _month(now, ahead + 1)) for ahead in range(MONTHS_AHEAD + 1)]
    if not await _missing(connection, months):
        return []
    # Nothing comes into the default partition from here to the end, and of several gateways one goes on. To wait for this
    # lock first keeps uplinks of other months going: attaching locks the default partition as well, but with a lock on
    # `uplink` in hand. What it needs of `uplink` itself lets others write.
    await connection.execute(sa.text(f"set local lock_timeout = {LOCK_TIMEOUT}"))
    await connection.execute(sa.text("lock table uplink_default in access exclusive mode"))
    missing = await _missing(connection, months)
    for first, after in missing:
        await _make(connection, _name(first), first, after)
    return [_name(first) for first, _ in missing]


async def _missing(connection: Connection, months: list[Month]) -> list[Month]:
    return [month for month in months if not await connection.scalar(_EXISTS, {"name": _name(month[0])})]


async def _make(connection: Connection, name: str, first: datetime, after: datetime) -> None:
    # What the default partition holds of this month would forbid the new one, so it moves along.
    bounds = f"from ('{first:%Y-%m-%d}') to ('{after:%Y-%m-%d}')"
    month = f"time >= '{first:%Y-%m-%d}' and time < '{after:%Y-%m-%d}'"
    for statement in (
        f"create table {name} (like uplink including all)",
        f"with moved as (delete from uplink_default where {month} returning *) insert into {name} select * from moved",
        f"alter table uplink attach partition {name} for values {bounds}",
    ):
        await connection.execute(sa.text(statement))


def _name(first: datetime) -> str:
    return f"uplink_{first:%Y_%m}"


def _month(day: datetime, ahead: int) -> datetime:
    years, month = divmod(day.astimezone(UTC).month - 1 + ahead, 12)
    return datetime(day.astimezone(UTC).year + years, month + 1, 1, tzinfo=UTC)
