"""A small car park in the database: site `central`, zone `level-1`, a Bosch TPS110 in every space."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.events import dev_eui_of

CarPark = Callable[[int], Awaitable[list[str]]]

BUILD = (
    "insert into site (name) values ('central')",
    "insert into zone (site_id, name) select id, 'level-1' from site",
    "insert into space (zone_id, name) select zone.id, 'A-' || n from zone, generate_series(1, {spaces}) n order by n",
    "insert into device (dev_eui) select 'a8404100' || lpad(to_hex(n), 8, '0') from generate_series(1, {spaces}) n",
    (
        "insert into installation (dev_eui, space_id, codec)"
        " select 'a8404100' || lpad(to_hex(replace(name, 'A-', '')::int), 8, '0'), id, 'bosch_tps110_v029' from space"
    ),
)


async def build(engine: AsyncEngine, spaces: int) -> list[str]:
    """Build it with so many spaces. Returns the DevEUIs in the order of the spaces, `A-1` first."""
    async with engine.begin() as connection:
        for statement in BUILD:
            await connection.execute(sa.text(statement.format(spaces=spaces)))
    return [dev_eui_of(number) for number in range(1, spaces + 1)]


@pytest.fixture
def car_park(engine: AsyncEngine) -> CarPark:
    """Builds it with a number of spaces. Returns the DevEUIs in the order of the spaces, `A-1` first."""
    return partial(build, engine)
