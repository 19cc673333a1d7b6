"""Counted zones begin again at night, at a time of the day of their site. What the day has missed is forgotten then."""

from datetime import time
from zoneinfo import ZoneInfo

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.counting import last_reset, set_count
from parking_gateway.store import counted_zones
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Set the counts of zones to 0 whose time has come. Without such zones, this is one query.

    Several gateways may do this at once. A zone that another one has set meanwhile counts from a later time, and is left alone.
    """
    now = moment.now
    async with database.connect() as connection:
        (zones,) = await connection.commit_together(counted_zones.resetting())
        resets = {one.id: last_reset(now, time.fromisoformat(one.resets_at), ZoneInfo(one.time_zone)) for one in zones}
        if not (concerned := [one.id for one in zones if one.counted_since < resets[one.id]]):
            return Committed()
        (locked,) = await connection.together(counted_zones.lock_counts(concerned))
        after = [
            # At its time, because cars that passed since then may be in a backlog.
            (key, set_count(0, capacity=one.capacity, at=resets[key]))
            for key, one in locked.items()
            if one.since < resets[key]
        ]
        await connection.commit_together(*(counted_zones.save(after) if after else []))
    return Committed(has_new_counts=bool(after))
