"""Gaps: uplinks that are missing by their frame counters are counted, and counted again when they come."""

from collections import Counter
from itertools import islice

from parking_gateway.clock.moment import Moment
from parking_gateway.core import gaps
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui
from parking_gateway.store import gateways, lost
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Find the gaps of all devices with new uplinks, a transaction for each thousand of them.

    Nothing is done while events wait in a backlog, because it fills the gaps before they are any.
    """
    if moment.listening_since is None:
        return Committed()
    found: Counter[DevEui] = Counter()
    filled = 0
    due = iter(list(moment.senders.due.items()))
    while devices := dict(islice(due, lost.AT_ONCE)):
        async with database.connect() as connection:
            _, looked = await connection.together(lost.lock(), lost.gaps(devices))
            changes = gaps.changes(looked.known, looked.found)
            await connection.commit_together(*lost.write(changes.opened, changes.closed, now=moment.now))
        moment.senders.looked(devices)
        found.update(changes.lost)
        filled += changes.filled
    moment.senders.turn()
    async with database.connect() as connection:
        (forgotten,) = await connection.together(lost.forget(moment.now))
        await connection.commit_together(*lost.count(forgotten), gateways.watched(moment.instance, at=moment.now))
    return Committed(uplinks_lost=dict(found), uplinks_healed=filled)
