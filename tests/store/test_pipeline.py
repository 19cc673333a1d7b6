"""Round trips: several queries at once, the end of a transaction, and a connection after an error."""

import asyncio
import logging
from collections.abc import AsyncIterator

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.database import Connection
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool, opened
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import array_of

_NUMBER = sa.bindparam("number", type_=sa.Integer)
_SAY = Statement(sa.select(_NUMBER))
_DIVIDE = Statement(sa.select(100 / _NUMBER))
_SLEEP = Statement(sa.select(sa.func.pg_sleep(sa.bindparam("number", type_=sa.Double))))
_BACKEND = Statement(sa.text("select pg_backend_pid()"))
_TERMINATE = Statement(
    sa.text(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = :number and wait_event = 'PgSleep'"
    )
)
_LIST = Statement(sa.select(sa.func.unnest(sa.cast(sa.bindparam("texts", type_=sa.Text), sa.ARRAY(sa.Text)))))
_TABLE = sa.table("kept", sa.column("number", sa.Integer))
_KEEP = Statement(_TABLE.insert().values(number=_NUMBER))
_REPEAT = Statement(sa.select(sa.func.repeat(sa.bindparam("text", type_=sa.Text), _NUMBER)))


def echo(number: int) -> Query[int]:
    return Query(statement=_SAY, arguments={"number": number}, read=_first)


def keep(number: int) -> Query[None]:
    return command(_KEEP, {"number": number})


def _first(rows: Rows) -> int:
    ((number,),) = rows
    return int(number)


async def kept(pool: Pool) -> list[int]:
    async with pool.engine.connect() as connection:
        return list(await connection.scalars(sa.select(_TABLE.c.number).order_by(_TABLE.c.number)))


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """The gateway's own pool. Other tests have none."""
    async with opened(database, DatabaseConfig()) as pool:
        yield pool


@pytest.fixture
async def table(pool: Pool) -> Pool:
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text("create table kept (number integer unique)"))
    return pool


async def test_every_query_gets_its_own_answer(pool: Pool) -> None:
    async with pool.connect() as connection:
        assert await connection.together(echo(1), echo(2), echo(3)) == (1, 2, 3)
        assert await connection.together() == ()


async def test_only_a_commit_keeps_the_writes(table: Pool) -> None:
    async with table.connect() as connection:
        await connection.together(keep(1))
    async with table.connect() as connection:
        await connection.together(keep(2))
        await connection.commit_together(keep(3))
    async with table.connect() as connection:
        await connection.commit_together(keep(4), keep(5))
    assert await kept(table) == [2, 3, 4, 5]


async def test_a_commit_keeps_all_writes_or_none(table: Pool) -> None:
    async with table.connect() as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.commit_together(keep(1), keep(2), keep(1))
    assert await kept(table) == []


async def test_the_first_error_is_raised_and_the_connection_stays(pool: Pool) -> None:
    divide = command(_DIVIDE, {"number": 0})
    async with pool.connect() as connection:
        backend = await _backend(connection)
        with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
            await connection.together(echo(1), divide, echo(2))
        await connection.rollback()
        assert await connection.together(echo(3)) == (3,)
        assert await _backend(connection) == backend


async def test_a_prepared_statement_outlives_a_rollback(pool: Pool) -> None:
    """With its own prepared statements, which it makes of repeated ones, the driver deallocates all."""
    async with pool.engine.connect() as raw:
        connection = PipelinedConnection(raw)
        await connection.together(echo(1))
        for _ in range(10):
            await raw.execute(sa.text("select 1"))
        await connection.rollback()
        assert await connection.together(echo(2)) == (2,)


async def test_an_interrupted_connection_is_not_used_again(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    sleep = command(_SLEEP, {"number": 30.0})
    async with pool.connect() as connection:
        backend = await _backend(connection)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connection.together(echo(1), sleep)
    async with pool.connect() as connection:
        assert await connection.together(echo(2)) == (2,)
        assert await _backend(connection) != backend
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_lost_connection_raises(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    sleep = command(_SLEEP, {"number": 30.0})
    async with pool.connect() as connection, pool.connect() as other:
        backend = await _backend(connection)
        asked = asyncio.create_task(connection.together(sleep))
        terminate = Query(statement=_TERMINATE, arguments={"number": backend}, read=_first)
        while await other.together(terminate) == (0,):
            await other.rollback()
        with pytest.raises(psycopg.OperationalError):
            await asked
    async with pool.connect() as connection:
        assert await connection.together(echo(2)) == (2,)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_round_trip_larger_than_every_buffer_goes_both_ways(pool: Pool) -> None:
    """Neither side can go on writing unless the other one reads."""
    text = "x" * 4_000_000
    repeat = Query(statement=_REPEAT, arguments={"text": text, "number": 3}, read=lambda rows: len(rows[0][0]))
    async with pool.connect() as connection:
        assert await connection.together(repeat, repeat, repeat) == (12_000_000,) * 3


_TEXTS = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))


@given(texts=_TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_array_is_read_as_it_was_written(database: str, texts: list[str | None]) -> None:
    query = Query(statement=_LIST, arguments={"texts": array_of(texts)}, read=lambda rows: [row[0] for row in rows])
    async with opened(database, DatabaseConfig()) as pool, pool.connect() as connection:
        assert await connection.together(query) == (texts,)


async def _backend(connection: Connection) -> int:
    (number,) = await connection.together(Query(statement=_BACKEND, arguments={}, read=_first))
    return number
