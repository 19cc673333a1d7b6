"""A space that is due for publication, and what is due in a database."""

from datetime import UTC, datetime

from parking_gateway.core.due import Due, DueKind, DueSpace
from parking_gateway.core.space import Contact, SpaceId, SpaceState
from parking_gateway.store import due
from parking_gateway.store.database import Connection

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPACE = DueSpace(
    key=SpaceId(3),
    version=42,
    published_version=40,
    site="central",
    zone="level-1",
    space="A-012",
    state=SpaceState.OCCUPIED,
    since=NOON,
    previous=SpaceState.FREE,
    occupancy="occupied",
    contact=Contact.LIVE,
    reserved_until=None,
    reservation=None,
    maintenance_reason=None,
    battery_percent=93,
    cause="3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    updated_at=NOON,
)


async def due_in(connection: Connection, kind: DueKind) -> list[Due]:
    """The due rows of a kind, by their keys, at most ten. Spaces come without their steps."""
    (keys,) = await connection.together(due.keys(kind, limit=10))
    (rows,) = await connection.together(due.rows(kind, keys))
    return rows
