"""Spaces that are locked by their ids."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.causes import StayExceeded
from parking_gateway.core.space import Overstay, SpaceId, SpaceState
from parking_gateway.core.turn import turn
from parking_gateway.store import spaces, turns
from parking_gateway.store.pool import Pool

SPACES = """
    insert into space (zone_id, name, state, occupancy)
    select id, names.name, 'OCCUPIED', 'occupied' from zone, (values ('1'), ('2'), ('3')) as names (name)
"""


async def test_spaces_without_a_device_are_locked_decided_and_written(engine: AsyncEngine, pool: Pool) -> None:
    async with engine.begin() as connection:
        for statement in (
            "insert into site (name) values ('s')",
            "insert into zone (site_id, name) select id, 'z' from site",
            SPACES,
        ):
            await connection.execute(sa.text(statement))
    now = datetime.now(UTC)
    async with pool.connect() as ours:
        (locked,) = await ours.together(spaces.lock_by_id([SpaceId(3), SpaceId(1), SpaceId(99)]))
        causes = [
            (one.id, StayExceeded(since=one.since, parked_since=one.since, until=now, at=now))
            for one in locked.spaces.values()
        ]
        made = turn(locked.spaces, causes)
        await ours.commit_together(*turns.writes(locked, made, now=now))
        (again,) = await ours.together(spaces.lock_by_id([SpaceId(1), SpaceId(2)]))
    assert list(locked.spaces) == [1, 3]
    assert [(one.state, one.overstay, one.version) for one in again.spaces.values()] == [
        (SpaceState.OCCUPIED, Overstay.EXCEEDED, 2),
        (SpaceState.OCCUPIED, None, 1),
    ]
