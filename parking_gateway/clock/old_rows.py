"""Deletes rows that are older than they are kept, of tables without months: notices, reservations, hours of zones and what belongs to uplinks.

Messages that the broker has not taken for too long, and downlinks that ended days ago, are deleted too.
"""

from datetime import datetime
from typing import Final

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import (
    alert_recipients,
    downlinks,
    hours,
    notices,
    observed,
    offers,
    outgoing,
    reservations,
    retention,
    truths,
)
from parking_gateway.store.database import Database
from parking_gateway.store.old_rows import Deletion
from parking_gateway.store.retention import AT_ONCE

_OF_TABLES: Final[tuple[tuple[str, Deletion], ...]] = (
    ("notice", notices.delete_old),
    ("reservation", reservations.delete_old),
    ("occupancy_hour", hours.delete_old),
    # To correct the past by a late uplink takes what was offered then. Without uplinks, nothing is corrected.
    ("uplink", offers.delete_old),
    # A replay leaves them out.
    ("uplink", observed.delete_old),
    # They are compared with uplinks.
    ("uplink", truths.delete_old),
)
"""By the table whose retention counts."""


async def go(database: Database, moment: Moment) -> Committed:
    """Delete them, few in each transaction."""
    async with database.connect() as connection:
        expired, today, *_ = await connection.commit_together(
            outgoing.delete_expired(),
            retention.today(moment.now),
            downlinks.delete_old(moment.now),
            *alert_recipients.forget(),
        )
    for table, deletion in _OF_TABLES:
        if age := moment.retention.kept_for(table):
            await _delete(database, deletion, before=today - age)
    return Committed(outgoing_expired=expired)


async def _delete(database: Database, deletion: Deletion, *, before: datetime) -> None:
    deleted = AT_ONCE
    while deleted == AT_ONCE:
        async with database.connect() as connection:
            (deleted,) = await connection.commit_together(deletion(before, AT_ONCE))
