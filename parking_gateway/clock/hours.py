"""Hours: the stays of each zone are summed up by the hour, the last two hours every minute, and earlier ones after a correction."""

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import hours
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Count all hours that are due, a day in a transaction. Nothing is done while another gateway does it."""
    now = moment.now
    while True:
        async with database.connect() as connection:
            ((is_ours, since),) = await connection.together(hours.begin(now))
            if not is_ours:
                return Committed()
            until = min(since + hours.AT_ONCE, now)
            rest = [hours.mark(until)] if until < now else []
            await connection.commit_together(hours.count(since, until, now=now), *rest)
        if until >= now:
            return Committed()
