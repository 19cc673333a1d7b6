"""What a gateway remembers of its broker: the last marker that was confirmed, and the subscriptions of its session."""

from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.confirmations import publish_all_again
from parking_gateway.store.database import Connection
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.tables import broker_session, gateway


async def markers(connection: Connection) -> dict[str, int]:
    """The number that the broker confirmed last, by instance: of this gateway and of those beside it."""
    found = await connection.execute(sa.select(gateway.c.instance, gateway.c.confirmed))
    return {row.instance: row.confirmed for row in found}


async def filters(connection: Connection, client_id: str) -> frozenset[str] | None:
    """The subscriptions that the session of `client_id` may hold. None: it never had a session."""
    found = await connection.scalar(sa.select(broker_session.c.filters).where(broker_session.c.client_id == client_id))
    return None if found is None else frozenset(found)


async def remember_filters(connection: Connection, held: Collection[str], *, client_id: str) -> None:
    """Write down which subscriptions the session of `client_id` may hold."""
    insert = pg.insert(broker_session).values(client_id=client_id, filters=sorted(held))
    await connection.execute(insert.on_conflict_do_update(index_elements=["client_id"], set_={"filters": sorted(held)}))


async def begin_again(connection: Connection, instance: str, number: int) -> None:
    """Make everything due, and this number the one that the broker has to retain once it has confirmed the marker."""
    await publish_all_again(connection)
    insert = pg.insert(gateway).values(instance=instance, confirmed=number)
    await connection.execute(insert.on_conflict_do_update(index_elements=["instance"], set_={"confirmed": number}))


async def confirmed(connection: Connection, instance: str) -> int:
    """The number of the last marker that was written down; 0 if there is none."""
    return await connection.scalar(sa.select(gateway.c.confirmed).where(gateway.c.instance == instance)) or 0


def advance(instance: str, number: int) -> Query[int]:
    """Write down that the broker confirmed this marker. The answer is the number before; 0 if there was none."""
    return Query(statement=_ADVANCE, arguments={"gateway": instance, "number": number}, read=_before)


_BEFORE: Final = (
    sa.select(gateway.c.instance, gateway.c.confirmed)
    .where(gateway.c.instance == sa.bindparam("gateway", type_=sa.Text))
    .with_for_update()
    .cte("before")
)
_ADVANCE: Final = Statement(
    gateway.update()
    .where(gateway.c.instance == _BEFORE.c.instance)
    .values(confirmed=sa.func.greatest(_BEFORE.c.confirmed, sa.bindparam("number", type_=sa.BigInteger)))
    .returning(_BEFORE.c.confirmed)
)


def _before(rows: Rows) -> int:
    before: Any = rows[0][0] if rows else 0
    return int(before)
