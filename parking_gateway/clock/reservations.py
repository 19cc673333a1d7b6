"""Reservations start and end by the clock, and one to which nobody comes ends after its grace.

Several gateways may do this at once. Each decides again about the spaces that it has locked, so nothing is done twice.
"""

from datetime import timedelta
from typing import Final

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.diary import Booking, Hours, due
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import turn
from parking_gateway.store import diaries, spaces, turns
from parking_gateway.store.database import Database

EVERY: Final = timedelta(seconds=1)
"""Others write reservations too, so their next moment has to be asked for."""


async def go(database: Database, moment: Moment) -> Committed:
    """Do what is due, and find the next moment within `EVERY`. If nothing is due, this is one query."""
    now, rules = moment.now, moment.reservations
    grace, soon = rules.grace, rules.reserved_soon
    sees_arrivals = moment.listening_since is not None
    asked = diaries.due(now + EVERY, soon=soon, grace=grace, sees_arrivals=sees_arrivals)
    async with database.connect() as connection:
        (found,) = await connection.commit_together(asked)
        later = min((at for _, at in found if at > now), default=None)
        if not (concerned := {space for space, at in found if at <= now}):
            return Committed(due_at=later)
        locked, bookings = await connection.together(
            spaces.lock_by_id(concerned),
            diaries.bookings(concerned, now + soon, grace=grace, keeps_on_leaving=rules.keeps_on_leaving),
        )
        diary_of: dict[SpaceId, list[Booking]] = {}
        for booking in bookings:
            diary_of.setdefault(booking.space, []).append(booking)
        hours = Hours(now=now, soon=soon, sees_arrivals=sees_arrivals)
        made = turn(
            locked.spaces,
            [(one.id, cause) for one in locked.spaces.values() for cause in due(one, diary_of.get(one.id, ()), hours)],
        )
        await connection.commit_together(*turns.writes(locked, made, now=now))
    return committed_by(made, due_at=now if len(found) == diaries.AT_ONCE else later)
