"""The watch over the servers of the database: hung commits, and a change of the server, become problems of the health.

A commit that waits for a standby fails with no error, and a server that changed works again at once. So neither is seen by
the work on the database.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.known_server import LastSeen
from parking_gateway.store.other_servers import promoted_elsewhere
from parking_gateway.store.pool import Pool
from parking_gateway.store.replication import replication_of
from parking_gateway.store.verdicts import FAILURES
from parking_gateway.telemetry.report import Report

_LOOK: Final = 1.0
"""Seconds between two looks at the health."""
_LOOKS: Final = 5
"""Looks between two questions to a server that has standbys, while nothing is slow."""
_SLOW: Final = 1.0
"""Seconds that an event waits before the server is asked why."""
_SHOWN_FOR: Final = timedelta(minutes=10)
"""How long a change of the server is shown in the health."""


async def watch(pool: Pool, *, report: Report, clock: WallClock) -> None:
    """Watch until cancelled. The server is asked at the start, while work is slow, and if its commits wait for a standby."""
    known, looks, is_synchronous, complaint = pool.check.known, 0, True, None
    while True:
        is_slow = not report.health.is_database_up or report.health.oldest_event_age() > _SLOW
        if is_slow or complaint or known.has_changed or (is_synchronous and looks % _LOOKS == 0):
            # A server that does not answer is reported by all other work.
            with suppress(*FAILURES):
                async with asyncio.timeout(_LOOKS * _LOOK):
                    replication = await replication_of(pool)
                is_synchronous, complaint = replication.is_synchronous, replication.complaint
                report.complain("standby", complaint)
        report.complain("server", change_of(known.last, now=clock()))
        looks += 1
        await asyncio.sleep(_LOOK)


async def watch_others(pool: Pool) -> None:
    """Until cancelled: move to a server of the URL that was promoted while the connections to the old primary stand."""
    while pool.has_several_servers:
        if found := await promoted_elsewhere(pool):
            pool.check.meet(found)
            # What waits there for an answer is recorded again, on the promoted server.
            pool.hang_up()
        await asyncio.sleep(_LOOKS * _LOOK)


def change_of(last: LastSeen | None, *, now: datetime) -> str | None:
    """The change of the server, as long as it is shown. None: there was none lately."""
    if last is None or last.since is None or now - last.since > _SHOWN_FOR:
        return None
    return f"{last.change}; if it was no failover to a synchronous standby, the last rows can be missing: parking-gateway heal fetches what ChirpStack still has"
