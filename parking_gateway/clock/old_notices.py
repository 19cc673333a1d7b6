"""Old notices are deleted, messages that the broker has not taken for too long, and downlinks that ended days ago."""

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import alert_recipients, downlinks, notices, outgoing, retention
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Delete them, few in each transaction."""
    async with database.connect() as connection:
        expired, today, *_ = await connection.commit_together(
            outgoing.delete_expired(),
            retention.today(moment.now),
            downlinks.delete_old(moment.now),
            *alert_recipients.forget(),
        )
    age = moment.retention.kept_for("notice")
    deleted = notices.AT_ONCE
    while age is not None and deleted == notices.AT_ONCE:
        async with database.connect() as connection:
            (deleted,) = await connection.commit_together(notices.delete_old(before=today - age))
    return Committed(outgoing_expired=expired)
