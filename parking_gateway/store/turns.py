"""A turn as statements, in the common lock order: spaces by id, then devices, then rows without a rival.

Nothing else writes spaces or appends to the log.
"""

from datetime import datetime
from typing import Any

from parking_gateway.core.turn import Turn
from parking_gateway.store import outgoing, reservations, spaces, stays, transitions
from parking_gateway.store.query import Query
from parking_gateway.store.spaces import Locked


def writes(locked: Locked, turn: Turn, *others: Query[Any], now: datetime) -> list[Query[Any]]:
    """The changed spaces, what else the cause brings about (`others`, in lock order), and what the tables of the past gain."""
    booked = [reservations.advance(turn.reservations)] if turn.reservations else []
    steps = [transitions.append(turn.steps)] if turn.steps else []
    notices = [outgoing.send(turn.notices)] if turn.notices else []
    course = turn.course
    return [
        *stays.end(course, locked),
        *spaces.save(locked, turn.spaces, arrivals=course.arrivals, now=now),
        *others,
        *booked,
        *steps,
        *stays.note(course, now=now),
        *notices,
    ]
