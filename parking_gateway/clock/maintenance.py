"""The planned end of maintenance: the space is back in service, or people are reminded, as configured.

Several gateways may do this at once. Each decides again about the spaces that it has locked, so nothing is done twice.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from parking_gateway.clock.moment import Moment
from parking_gateway.core.causes import ServiceOrder
from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.space import Service, Space, SpaceId, after_last_order
from parking_gateway.core.turn import turn
from parking_gateway.store import car_park, maintenance, outgoing, spaces, turns
from parking_gateway.store.car_park import Names
from parking_gateway.store.database import Connection, Database

EVERY: Final = timedelta(seconds=1)
"""Requests write planned ends too, so the next one has to be asked for."""
_CAUSE: Final = "maintenance"


async def go(database: Database, moment: Moment) -> Committed:
    """Do what is due, and find the next planned end within `EVERY`. If nothing is due, this is one query."""
    now = moment.now
    async with database.connect() as connection:
        (found,) = await connection.commit_together(maintenance.due(now + EVERY))
        later = min((until for _, until in found if until > now), default=None)
        if not (concerned := [space for space, until in found if until <= now]):
            return Committed(due_at=later)
        work = _end if moment.maintenance_ends else _remind
        committed = await work(connection, concerned, now)
    due_at = now if len(found) == maintenance.AT_ONCE else later
    return msgspec.structs.replace(committed, due_at=due_at)


async def _end(connection: Connection, concerned: list[SpaceId], now: datetime) -> Committed:
    """Put the spaces back into service. The steps have the planned time, also after an absence of the gateway."""
    (locked,) = await connection.together(spaces.lock_by_id(concerned))
    made = turn(locked.spaces, [(one.id, _order(one)) for one in _over(locked.spaces.values(), now)])
    await connection.commit_together(*turns.writes(locked, made, now=now))
    return committed_by(made)


async def _remind(connection: Connection, concerned: list[SpaceId], now: datetime) -> Committed:
    """Send one notice for the spaces of a zone that have the same planned end and reason."""
    locked, names = await connection.together(spaces.lock_by_id(concerned), car_park.space_names(concerned))
    (still_due,) = await connection.together(maintenance.due(now))
    due = {space for space, _ in still_due}
    over = [one for one in _over(locked.spaces.values(), now) if one.id in due]
    notices = _notices(over, names, now)
    await connection.commit_together(maintenance.remind([one.id for one in over]), outgoing.send(notices))
    return Committed(notices=notices)


def _over(concerned: Iterable[Space], now: datetime) -> list[Space]:
    return [one for one in concerned if one.maintenance_until is not None and one.maintenance_until <= now]


def _order(space: Space) -> ServiceOrder:
    at = after_last_order(space, space.maintenance_until or space.since)
    return ServiceOrder(service=Service.IN_SERVICE, at=at, by=_CAUSE)


def _notices(over: Iterable[Space], names: Mapping[SpaceId, Names], now: datetime) -> list[Notice]:
    together: dict[tuple[Any, ...], list[SpaceId]] = {}
    for one in over:
        site, zone, _ = names[one.id]
        together.setdefault((site, zone, one.maintenance_until, one.maintenance_reason), []).append(one.id)
    return [
        Notice(
            kind=NoticeKind.MAINTENANCE_DUE,
            at=now,
            space=concerned[0] if len(concerned) == 1 else None,
            details={"until": until, "reason": reason, "site": site, "zone": zone, "spaces": len(concerned)},
        )
        for (site, zone, until, reason), concerned in together.items()
    ]
