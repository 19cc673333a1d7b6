"""Stuck sensors: the same occupancy for far longer than the changes of their neighbours explain."""

from datetime import timedelta
from typing import Any

from parking_gateway.clock.moment import Moment
from parking_gateway.clock.problems import limits_of, write
from parking_gateway.core.committed import Committed
from parking_gateway.core.notice import Notice
from parking_gateway.core.problems import Problem, Quiet, is_stuck
from parking_gateway.store import stuck
from parking_gateway.store.database import Database
from parking_gateway.store.problems import Begun, Change


async def go(database: Database, moment: Moment) -> Committed:
    """Compare the spaces of all zones, some zones at a time."""
    limits = await limits_of(database, moment)
    at_least: timedelta = limits.stuck_after * min([1.0, *limits.stuck_factors.values()])
    async with database.connect() as connection:
        known, zones = await connection.commit_together(stuck.known(), stuck.zones(0))
    still = {one.dev_eui for one in known if is_stuck(one, limits, now=moment.now)}
    over = sorted({one.dev_eui for one in known} - still)
    notices = await write(database, [Change(one, ended=[Problem.STUCK]) for one in over], moment, details=_none)
    while zones:
        async with database.connect() as connection:
            quiet, more = await connection.commit_together(
                stuck.quiet(zones, now=moment.now, at_least=at_least, changes=moment.devices.stuck_changes),
                stuck.zones(zones[-1]),
            )
        notices += await _begin([one for one in quiet if is_stuck(one, limits, now=moment.now)], database, moment)
        zones = more
    return Committed(notices=notices)


async def _begin(found: list[Quiet], database: Database, moment: Moment) -> list[Notice]:
    by_device = {one.dev_eui: one for one in found}

    def details(begun: Begun) -> dict[str, Any]:
        quiet = by_device[begun.dev_eui]
        return {"since": quiet.since, "neighbours": quiet.neighbours}

    changes = [Change(dev_eui, begun=[Problem.STUCK]) for dev_eui in by_device]
    return await write(database, changes, moment, details=details)


def _none(_begun: Begun) -> dict[str, Any]:
    return {}
