"""Overstay: a car that has stayed for longer than it may is flagged, and noticed once."""

from datetime import timedelta
from typing import Final

from parking_gateway.clock.moment import Moment
from parking_gateway.core.causes import StayExceeded
from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.stay_limit import exceeded_at, limits_of
from parking_gateway.core.turn import turn
from parking_gateway.store import overstays, spaces, turns
from parking_gateway.store.database import Database

EVERY: Final = timedelta(seconds=10)
_AT_ONCE: Final = 1000
"""Cars of one transaction. The next round follows at once."""


async def go(database: Database, moment: Moment) -> Committed:
    """Flag the cars that have stayed for too long. The turn decides again, because a car may have left meanwhile."""
    now = moment.now
    async with database.connect() as connection:
        (parked,) = await connection.commit_together(overstays.parked_for_long(now))
        causes = [(one.space, cause) for one in parked if (cause := _cause(one, moment)) is not None]
        if not causes:
            return Committed()
        flagged = causes[:_AT_ONCE]
        (locked,) = await connection.together(spaces.lock_by_id([space for space, _ in flagged]))
        made = turn(locked.spaces, [(space, cause) for space, cause in flagged if space in locked.spaces])
        await connection.commit_together(*turns.writes(locked, made, now=now))
    due_at = now if len(causes) > _AT_ONCE else None
    return committed_by(made, due_at=due_at)


def _cause(parked: overstays.Parked, moment: Moment) -> StayExceeded | None:
    limits = limits_of(audience=parked.audience, of_space=parked.of_space, of_zone=parked.of_zone, limits=parked.limits)
    until = exceeded_at(limits, since=parked.arrived_at, now=moment.now, time_zone=parked.time_zone)
    if until is None:
        return None
    return StayExceeded(since=parked.since, parked_since=parked.arrived_at, until=until, at=moment.now)
