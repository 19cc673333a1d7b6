"""Migration 0005: rows that an earlier version dated by wrong clocks are dated again, and go back unchanged."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import migrating, schema
from parking_gateway.store.pool import opened

_BEFORE = (
    "create table uplink_2026_11 partition of uplink for values from ('2026-11-01Z') to ('2026-12-01Z')",
    (
        "insert into uplink (deduplication_id, dev_eui, time, received_at, f_cnt, f_port, data, confirmed, gateway_count)"
        " select ('00000000-0000-0000-0000-00000000000' || number)::uuid, 'a840410000000001', time::timestamptz,"
        " '2026-11-26 18:00Z', number, 1, '', false, 1 from unnest(array['2026-11-26 17:59Z', '2036-01-01Z',"
        " '0001-01-01Z', '2026-11-20 18:00Z']) with ordinality as said (time, number)"
    ),
    (
        "insert into device_event (digest, dev_eui, time, received_at, kind) values"
        " (gen_random_uuid(), 'a840410000000001', '1980-01-06Z', '2026-11-26 18:00Z', 'join')"
    ),
    "insert into device (dev_eui, heard_at) values ('a840410000000001', '2036-01-01Z')",
    "insert into site (name) values ('s')",
    "insert into zone (site_id, name) select id, 'z' from site",
    "insert into space (zone_id, name, seen_at, seen_f_cnt) select id, '1', now() + interval '5 minutes', 7 from zone",
    "insert into installation (dev_eui, space_id, told) select 'a840410000000001', id, '[\"2036-01-01T00:00:00Z\"]' from space",
)


@pytest.fixture
async def earlier(empty_database: str) -> AsyncIterator[AsyncEngine]:
    """A database of the schema before, with rows that wrong clocks dated."""
    async with opened(empty_database, DatabaseConfig()) as pool:
        await migrating.upgrade(pool.engine)
        await migrating.downgrade(pool.engine, "0004")
        async with pool.engine.begin() as connection:
            for statement in _BEFORE:
                await connection.execute(sa.text(statement))
        yield pool.engine


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


_UPLINKS = "select f_cnt, tableoid::regclass::text, time::text from uplink order by 1"


async def test_rows_that_wrong_clocks_dated_are_dated_again(earlier: AsyncEngine) -> None:
    before = await rows(earlier, _UPLINKS)
    assert await migrating.upgrade(earlier) == ("0004", schema.newest())
    assert await rows(earlier, _UPLINKS) == before
    received_at, claimed = datetime(2026, 11, 26, 18, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
    assert await rows(earlier, "select f_cnt, heard_at, claimed_at from uplink where f_cnt <> 3 order by 1") == [
        (1, datetime(2026, 11, 26, 17, 59, tzinfo=UTC), None),
        (2, received_at, claimed),
        (4, datetime(2026, 11, 20, 18, tzinfo=UTC), None),
    ]
    assert await rows(earlier, "select heard_at, claimed_at = time from uplink where f_cnt = 3") == [
        (received_at, True)
    ]
    assert await rows(earlier, "select heard_at from device_event") == [(received_at,)]
    assert await rows(
        earlier,
        "select device.heard_at <= now(), seen_at <= now(), seen_f_cnt, snapshot from device, space, installation",
    ) == [(True, True, 7, None)]


async def test_it_goes_back_as_it_was(earlier: AsyncEngine) -> None:
    """Uplinks of the later version get the time of ChirpStack, by which the earlier one recognizes redeliveries."""
    before = await rows(earlier, _UPLINKS)
    await migrating.upgrade(earlier)
    async with earlier.begin() as connection:
        await connection.execute(
            sa.text(
                "insert into uplink (deduplication_id, dev_eui, time, heard_at, received_at, f_cnt, f_port, data, confirmed,"
                " gateway_count, claimed_at, claimed_by) values (gen_random_uuid(), 'a840410000000001', '2026-11-26 18:00Z',"
                " '2026-11-26 18:00Z', '2026-11-26 18:00Z', 5, 1, '', false, 1, '1980-01-06Z', '83d9f4c106d20001')"
            )
        )
    await migrating.downgrade(earlier, "0004")
    assert await rows(earlier, _UPLINKS) == [*before, (5, "uplink_default", "1980-01-06 00:00:00+00")]
    assert await migrating.upgrade(earlier) == ("0004", schema.newest())
