"""A turn as statements, in the common lock order: spaces by id, then devices, then rows without a rival.

Nothing else writes spaces or appends to the log.
"""

from datetime import datetime
from typing import Any

from parking_gateway.core.turn import Turn
from parking_gateway.store import outgoing, reservations, spaces, transitions
from parking_gateway.store.query import Query
from parking_gateway.store.spaces import Locked


def writes(locked: Locked, turn: Turn, *others: Query[Any], now: datetime) -> list[Query[Any]]:
    """The changed spaces, what else the cause brings about (`others`, in lock order), reservations, steps and notices."""
    booked = [reservations.advance(turn.reservations)] if turn.reservations else []
    steps = [transitions.append(turn.steps)] if turn.steps else []
    notices = [outgoing.send(turn.notices)] if turn.notices else []
    return [*spaces.save(locked, turn.spaces, now=now), *others, *booked, *steps, *notices]
