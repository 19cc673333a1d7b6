"""Gaps: uplinks that are missing by their frame counters are counted, and counted again when they come."""

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Final

from parking_gateway.clock.moment import Moment
from parking_gateway.core import gaps
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.store import gateways, lost, outgoing
from parking_gateway.store.database import Database

MOST_DEVICES: Final = 100
"""Devices that one notice names."""


async def go(database: Database, moment: Moment) -> Committed:
    """Find the gaps of all devices with new uplinks, a transaction for each thousand of them."""
    found: Counter[DevEui] = Counter()
    notices = []
    filled = 0
    while devices := dict(islice(moment.senders.due.items(), lost.AT_ONCE)):
        async with database.connect() as connection:
            _, looked = await connection.together(lost.lock(), lost.gaps(devices))
            changes = gaps.changes(looked.known, looked.found)
            new = [_notice(changes.lost, moment)] if changes.lost else []
            await connection.commit_together(
                *lost.write(changes.opened, changes.closed, now=moment.now), *([outgoing.send(new)] if new else [])
            )
        notices += new
        moment.senders.looked(devices)
        found.update(changes.lost)
        filled += changes.filled
    moment.senders.turn()
    async with database.connect() as connection:
        (forgotten,) = await connection.together(lost.forget(moment.now))
        watched = gateways.watched(moment.instance, at=moment.now, listening_since=moment.listening_since)
        await connection.commit_together(*lost.count(forgotten), watched)
    return Committed(uplinks_lost=dict(found), uplinks_healed=filled, notices=notices)


def _notice(devices: Mapping[DevEui, int], moment: Moment) -> Notice:
    """One for all devices of a transaction, because a broker that was away brings gaps of a whole car park."""
    details = {
        "instance": moment.instance,
        "uplinks": sum(devices.values()),
        "devices": dict(islice(devices.items(), MOST_DEVICES)),
    }
    return Notice(kind=NoticeKind.UPLINKS_LOST, at=moment.now, details=details)
