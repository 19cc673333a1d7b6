"""The first connection to another server, which may lack rows that were published."""

import pytest
import sqlalchemy as sa

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.known_server import KnownServer, ServerId
from parking_gateway.store.pool import opened

MICROSECONDS = 10**15
"""A time that has long passed."""


@pytest.mark.parametrize("table", ["transition", "past_stay", "outgoing", "reservation"])
@pytest.mark.parametrize("is_another", [True, False])
async def test_ids_are_raised_before_anything_is_written(database: str, table: str, *, is_another: bool) -> None:
    known = KnownServer(None)
    if is_another:
        known.meet(ServerId(system_identifier="1", timeline=1))
    sequence = sa.func.pg_get_serial_sequence(table, "id")
    async with opened(database, DatabaseConfig(), known) as pool, pool.engine.connect() as connection:
        number: int = (await connection.execute(sa.select(sa.func.nextval(sequence)))).scalar_one()
    assert known.has_changed is is_another
    assert (number > MICROSECONDS) is is_another
