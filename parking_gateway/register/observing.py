"""Observation that a person begins or ends: an installed sensor leaves its space, or becomes a sensor of it."""

from collections.abc import Collection
from datetime import datetime

from parking_gateway.core.committed import Committed
from parking_gateway.core.installation import Installation
from parking_gateway.register.removing import end_sensors
from parking_gateway.store import assignments, spaces
from parking_gateway.store.database import Connection


async def observe(
    connection: Connection, installed: Collection[Installation], uplinks: int | None, *, now: datetime, by: str
) -> Committed:
    """Observe these installations for so many uplinks from now on; None ends it. The caller commits. The register is locked.

    A space without another sensor is not live meanwhile. After the end, the next uplink is the first.
    """
    (before,) = await connection.together(assignments.sensors_of({one.space for one in installed}))
    await connection.together(spaces.lock_by_id(list(before)), *assignments.observe(installed, uplinks))
    return await end_sensors(connection, before, now=now, by=by)
