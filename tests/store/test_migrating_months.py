"""Migration 0010: the rows of several months, and of impossible times, lie in their partitions, and go back unchanged."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import migrating, schema
from parking_gateway.store.partitions import GROWN, months
from parking_gateway.store.pool import opened

_TIMES: Final = (
    "unnest(array['0001-01-01Z', '1980-01-06Z', now() - interval '400 days', now() - interval '40 days', now(),"
    " now() + interval '1 year', '9999-01-01Z']::timestamptz[]) with ordinality as claimed (at, n), generate_series(1, 3)"
)
_BEFORE: Final = (
    "insert into site (name) values ('s')",
    "insert into zone (site_id, name) select id, 'z' from site",
    "insert into space (zone_id, name) select id, '1' from zone",
    f"insert into transition (space, \"from\", \"to\", at, cause) select id, 'FREE', 'OCCUPIED', at, n::text from space, {_TIMES}",
    "update space set published_transition = (select min(id) from transition where cause = '3')",
    "delete from transition where id = (select max(id) from transition)",
    (
        "insert into rejection (received_at, topic, reason, detail, payload, digest, dev_eui)"
        f" select at, 't', 'malformed', 'd', '', gen_random_uuid(), 'a840410000000001' from {_TIMES}"
    ),
    (
        "insert into device_event (digest, dev_eui, time, heard_at, received_at, kind)"
        f" select gen_random_uuid(), 'a840410000000001', at, now(), now(), 'join' from {_TIMES}"
    ),
    (
        "insert into uplink (deduplication_id, dev_eui, time, heard_at, received_at, f_cnt, f_port, data, confirmed,"
        " gateway_count) values ('00000000-0000-0000-0000-000000000001', 'a840410000000001', now(),"
        " now() - interval '40 days', now(), 1, 1, '', false, 1)"
    ),
    # Of an uplink, and of one that is not stored any more.
    (
        "insert into past_reading (deduplication_id, position, dev_eui, at) values"
        " ('00000000-0000-0000-0000-000000000001', 0, 'a840410000000001', '2036-01-01Z'),"
        " ('00000000-0000-0000-0000-000000000002', 0, 'a840410000000001', now() - interval '400 days')"
    ),
    "grant select on transition, rejection to public",
)


@pytest.fixture
async def earlier(empty_database: str) -> AsyncIterator[AsyncEngine]:
    """A database of the schema before, with rows."""
    async with opened(empty_database, DatabaseConfig()) as pool:
        await migrating.upgrade(pool.engine, "0009")
        async with pool.engine.begin() as connection:
            for statement in _BEFORE:
                await connection.execute(sa.text(statement))
        yield pool.engine


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


async def contents(engine: AsyncEngine) -> Mapping[str, Sequence[Any]]:
    """All rows as text, without the columns that migrations add."""
    added = "array['heard_at', 'channel', 'corrects', 'withdrawn_at', 'codec_id']"
    return {
        table.name: await rows(engine, f"select (to_jsonb(one) - {added})::text from {table.name} one order by 1")
        for table in GROWN
        if table.name not in ("past_stay", "request")  # which are newer
    }


_PLACES: Final = """
select tableoid::regclass::text, count(*)
from {table}
group by 1
order by 1
"""


async def test_every_row_lies_in_its_month_and_goes_back(earlier: AsyncEngine) -> None:
    before = await contents(earlier)
    assert await migrating.upgrade(earlier) == ("0009", schema.newest())
    assert await contents(earlier) == before
    present = f"{datetime.now(UTC):%Y_%m}"
    for table, claimed in (("transition", 20), ("rejection", 21), ("device_event", 21)):
        places = dict(await rows(earlier, _PLACES.format(table=table)))
        assert sum(places.values()) == claimed
        assert places[f"{table}_{present}"] == 3
        # The years 1, 1980, next year and 9999 have no month.
        assert len(places) == 4
        assert places[f"{table}_default"] == claimed - 9
    await migrating.downgrade(earlier, "0009")
    assert await contents(earlier) == before
    assert await rows(earlier, "select relname from pg_class where relkind = 'p' and relname <> 'uplink'") == []
    assert await migrating.upgrade(earlier) == ("0009", schema.newest())
    assert await contents(earlier) == before


async def test_a_past_reading_lies_in_the_month_of_its_uplink(earlier: AsyncEngine) -> None:
    await migrating.upgrade(earlier)
    found = await rows(
        earlier, "select position, heard_at = now() - interval '1 second' or heard_at < now() from past_reading"
    )
    assert len(found) == 2
    assert await rows(
        earlier,
        "select past_reading.heard_at = uplink.heard_at from past_reading join uplink using (deduplication_id)",
    ) == [(True,)]


async def test_ids_go_on_and_rights_stay(earlier: AsyncEngine) -> None:
    for revision in (schema.newest(), "0009"):
        if revision == "0009":
            await migrating.downgrade(earlier, revision)
        else:
            await migrating.upgrade(earlier)
        async with earlier.begin() as connection:
            step = (
                "insert into transition (space, \"from\", \"to\", at, cause) select id, 'FREE', 'OCCUPIED', now(), '' from space"
                " returning id, (select max(id) from transition), (select count(*) from transition)"
            )
            ((new, highest, count),) = (await connection.execute(sa.text(step))).all()
            assert new > highest
            assert new > 21
            assert count >= 20
        assert await rows(
            earlier,
            "select relname from pg_class where relacl::text like '%=r/%' and relname in ('transition', 'rejection') order by 1",
        ) == [("rejection",), ("transition",)]


async def test_the_time_of_the_last_published_step_is_known(earlier: AsyncEngine) -> None:
    """Steps are published from its month on."""
    await migrating.upgrade(earlier)
    assert await rows(
        earlier,
        "select published_transition_at = (select at from transition where id = published_transition) from space",
    ) == [(True,)]


def test_the_months_ahead_are_those_of_every_table() -> None:
    assert {month.table.name for month in months(datetime(2026, 11, 30, tzinfo=UTC))} == {one.name for one in GROWN}
    assert {month.partition[-7:] for month in months(datetime(2026, 11, 30, tzinfo=UTC))} == {
        "2026_11",
        "2026_12",
        "2027_01",
    }
