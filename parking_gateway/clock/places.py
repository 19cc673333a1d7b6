"""The spaces of all zones are counted for the metrics, so that no uplink has to."""

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueCounts, DueKind
from parking_gateway.store import tree
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Count them, a page at a time. Without metrics, nothing is read."""
    if not moment.is_measured:
        return Committed()
    zones: list[DueCounts] = []
    while True:
        after = zones[-1].key if zones else None
        async with database.connect() as connection:
            (page,) = await connection.commit_together(tree.page(DueKind.ZONE, after=after))
        zones += [one for one in page if isinstance(one, DueCounts)]
        if len(page) < tree.PAGE:
            return Committed(zones=zones)
