"""Spaces whose maintenance has a planned end."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import arrays, listed
from parking_gateway.store.tables import TIME, space

AT_ONCE: Final = 20_000
"""Spaces of one transaction: some hundred milliseconds."""

Planned = list[tuple[SpaceId, datetime]]
"""Spaces with the planned end of their maintenance, the earliest end first."""

_DUE: Final = Statement(
    sa.select(space.c.id, space.c.maintenance_until)
    .where(
        space.c.maintenance_until <= sa.bindparam("until", type_=TIME),
        # An end that people were reminded of is over, and the space stays out of service.
        space.c.maintenance_until.is_distinct_from(space.c.maintenance_reminded),
    )
    .order_by(space.c.maintenance_until, space.c.id)
    .limit(AT_ONCE)
)
_REMIND: Final = Statement(
    space.update()
    .where(space.c.id.in_(listed("ids", sa.BigInteger)))
    .values(maintenance_reminded=space.c.maintenance_until)
)


def due(until: datetime) -> Query[Planned]:
    """Spaces whose planned end comes until then, as many as one transaction takes."""
    return Query(statement=_DUE, arguments={"until": until}, read=_planned)


def remind(spaces: Collection[SpaceId]) -> Query[None]:
    """Write that people were reminded of the planned end of these locked spaces."""
    return command(_REMIND, arrays(ids=list(spaces)))


def _planned(rows: Rows) -> Planned:
    return [(SpaceId(number), until) for number, until in rows]
