"""Round trips: what travels together, what ends a transaction, and what a connection is worth after an error."""

import asyncio
import logging
from collections.abc import AsyncIterator

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.engine import opened
from parking_gateway.store.pipeline import Query, Rows, Statement, command, commit_together, together
from parking_gateway.store.rows import array_of

_NUMBER = sa.bindparam("number", type_=sa.Integer)
_SAY = Statement(sa.select(_NUMBER))
_DIVIDE = Statement(sa.select(100 / _NUMBER))
_SLEEP = Statement(sa.select(sa.func.pg_sleep(sa.bindparam("number", type_=sa.Double))))
_LIST = Statement(sa.select(sa.func.unnest(sa.cast(sa.bindparam("texts", type_=sa.Text), sa.ARRAY(sa.Text)))))
_TABLE = sa.table("kept", sa.column("number", sa.Integer))
_KEEP = Statement(_TABLE.insert().values(number=_NUMBER))
_REPEAT = Statement(sa.select(sa.func.repeat(sa.bindparam("text", type_=sa.Text), _NUMBER)))


def say(number: int) -> Query[int]:
    return Query(statement=_SAY, arguments={"number": number}, read=_first)


def keep(number: int) -> Query[None]:
    return command(_KEEP, {"number": number})


def _first(rows: Rows) -> int:
    ((number,),) = rows
    return int(number)


async def kept(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list(await connection.scalars(sa.select(_TABLE.c.number).order_by(_TABLE.c.number)))


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """The gateway's own pool, which the other tests do without."""
    async with opened(database, DatabaseConfig()) as engine:
        yield engine


@pytest.fixture
async def table(engine: AsyncEngine) -> AsyncEngine:
    async with engine.begin() as connection:
        await connection.execute(sa.text("create table kept (number integer unique)"))
    return engine


async def test_every_query_gets_its_own_answer(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await together(connection, say(1), say(2), say(3)) == (1, 2, 3)
        assert await together(connection) == ()


async def test_only_what_ends_is_kept(table: AsyncEngine) -> None:
    async with table.connect() as connection:
        await together(connection, keep(1))
    async with table.connect() as connection:
        await together(connection, keep(2))
        await commit_together(connection, keep(3))
    async with table.connect() as connection:
        await commit_together(connection, keep(4), keep(5))
    assert await kept(table) == [2, 3, 4, 5]


async def test_all_is_kept_or_nothing(table: AsyncEngine) -> None:
    async with table.connect() as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await commit_together(connection, keep(1), keep(2), keep(1))
    assert await kept(table) == []


async def test_an_error_is_that_of_the_first_who_failed_and_costs_no_connection(engine: AsyncEngine) -> None:
    divide = command(_DIVIDE, {"number": 0})
    async with engine.connect() as connection:
        backend = await _backend(connection)
        with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
            await together(connection, say(1), divide, say(2))
        await connection.rollback()
        assert await together(connection, say(3)) == (3,)
        assert await _backend(connection) == backend


async def test_what_was_prepared_outlives_a_rollback(engine: AsyncEngine) -> None:
    """The driver deallocates all prepared statements with its own, which it makes of what it is asked often."""
    async with engine.connect() as connection:
        await together(connection, say(1))
        for _ in range(10):
            await connection.execute(sa.text("select 1"))
        await connection.rollback()
        assert await together(connection, say(2)) == (2,)


async def test_a_connection_on_which_we_were_interrupted_is_not_used_again(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    sleep = command(_SLEEP, {"number": 30.0})
    async with engine.connect() as connection:
        backend = await _backend(connection)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await together(connection, say(1), sleep)
    async with engine.connect() as connection:
        assert await together(connection, say(2)) == (2,)
        assert await _backend(connection) != backend
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_connection_that_is_lost_says_so(engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    sleep = command(_SLEEP, {"number": 30.0})
    async with engine.connect() as connection, engine.connect() as other:
        backend = await _backend(connection)
        asked = asyncio.create_task(together(connection, sleep))
        terminate = sa.text(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = :pid and wait_event = 'PgSleep'"
        )
        while not await other.scalar(terminate, {"pid": backend}):
            await other.rollback()
        with pytest.raises(psycopg.OperationalError):
            await asked
    async with engine.connect() as connection:
        assert await together(connection, say(2)) == (2,)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_more_than_any_buffer_holds_goes_both_ways(engine: AsyncEngine) -> None:
    """While neither side could go on writing if nobody read."""
    text = "x" * 4_000_000
    repeat = Query(statement=_REPEAT, arguments={"text": text, "number": 3}, read=lambda rows: len(rows[0][0]))
    async with engine.connect() as connection:
        assert await together(connection, repeat, repeat, repeat) == (12_000_000,) * 3


_TEXTS = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))


@given(texts=_TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_array_is_read_as_it_was_written(database: str, texts: list[str | None]) -> None:
    query = Query(statement=_LIST, arguments={"texts": array_of(texts)}, read=lambda rows: [row[0] for row in rows])
    async with opened(database, DatabaseConfig()) as engine, engine.connect() as connection:
        assert await together(connection, query) == (texts,)


async def _backend(connection: AsyncConnection) -> int:
    return int(await connection.scalar(sa.text("select pg_backend_pid()")) or 0)
