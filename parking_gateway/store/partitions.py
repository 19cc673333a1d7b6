"""The months of `uplink`: made before they begin, so that the default partition stays empty."""

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

_EXISTS: Final = sa.text("select to_regclass(:name) is not null")
MONTHS_AHEAD: Final = 2


async def ensure(connection: AsyncConnection, *, now: datetime) -> list[str]:
    """Make the partitions of the month of `now` and the months after it. Returns the names of those that are new."""
    made = []
    for ahead in range(MONTHS_AHEAD + 1):
        first = _month(now, ahead)
        name = f"uplink_{first:%Y_%m}"
        if not await connection.scalar(_EXISTS, {"name": name}):
            await _make(connection, name, first, _month(first, 1))
            made.append(name)
    return made


async def _make(connection: AsyncConnection, name: str, first: datetime, after: datetime) -> None:
    # What the default partition holds of this month would forbid the new one, so it moves along.
    bounds = f"from ('{first:%Y-%m-%d}') to ('{after:%Y-%m-%d}')"
    month = f"time >= '{first:%Y-%m-%d}' and time < '{after:%Y-%m-%d}'"
    for statement in (
        "lock table uplink in share row exclusive mode",
        f"create table {name} (like uplink including all)",
        f"with moved as (delete from uplink_default where {month} returning *) insert into {name} select * from moved",
        f"alter table uplink attach partition {name} for values {bounds}",
    ):
        await connection.execute(sa.text(statement))


def _month(day: datetime, ahead: int) -> datetime:
    years, month = divmod(day.astimezone(UTC).month - 1 + ahead, 12)
    return datetime(day.astimezone(UTC).year + years, month + 1, 1, tzinfo=UTC)
