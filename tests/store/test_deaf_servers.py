"""A server that accepts and does not answer costs a limited time, whatever waits for it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import due
from parking_gateway.store.patience import DatabaseUnusable, attempt
from parking_gateway.store.pool import Pool, opened
from tests.plugins.deaf import suspended

CONFIG = DatabaseConfig(
    connect_timeout=timedelta(seconds=2), statement_timeout=timedelta(seconds=0.3), lock_timeout=timedelta(seconds=0.3)
)
A_LITTLE = 2.0


async def count_due(pool: Pool) -> int:
    async with pool.connect() as connection:
        (number,) = await connection.commit_together(due.count())
        return int(number)


async def backend_of(pool: Pool) -> int:
    """The process of the one connection of the pool."""
    async with pool.engine.connect() as connection:
        return int(await connection.scalar(sa.text("select pg_backend_pid()")) or 0)


async def fail_after(pool: Pool, fault: Callable[[], None]) -> None:
    """Fail within a transaction."""
    async with pool.connect() as connection:
        await connection.together(due.count())
        fault()
        raise LookupError


async def test_a_server_that_accepts_and_never_answers_is_given_up(deaf_port: int) -> None:
    async with opened(f"postgresql://nobody@127.0.0.1:{deaf_port}/nothing", CONFIG) as pool:
        began = time.monotonic()
        with pytest.raises(DatabaseUnusable):
            await attempt(lambda: count_due(pool))
    assert 1.5 < time.monotonic() - began < 4 + A_LITTLE


async def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Psycopg looks names up before its own limit begins."""

    async def getaddrinfo(*_args: object, **_more: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with opened("postgresql://nobody@somewhere.invalid/nothing", CONFIG) as pool:
        began = time.monotonic()
        with pytest.raises(DatabaseUnusable, match="no answer in time"):
            await attempt(lambda: count_due(pool))
    assert 3.5 < time.monotonic() - began < 4 + A_LITTLE


async def test_a_server_that_falls_silent_under_a_statement_is_given_up(database: str) -> None:
    """Its own timeouts are of no use: the process that would end the statement is the one that hangs."""
    async with opened(database, CONFIG) as pool:
        with suspended(await backend_of(pool)):
            began = time.monotonic()
            with pytest.raises(DatabaseUnusable, match="no answer in time"):
                await attempt(lambda: count_due(pool))
            assert 0.5 < time.monotonic() - began < 0.6 + A_LITTLE
            assert await count_due(pool) == 0, "by another connection"


async def test_a_server_that_falls_silent_under_a_rollback_is_given_up(database: str) -> None:
    """The pool rolls back what a failed task has begun, and gives no such connection to anybody else."""
    async with opened(database, CONFIG) as pool:
        pid = await backend_of(pool)
        with ExitStack() as stack:
            began = time.monotonic()
            with pytest.raises(LookupError):
                await fail_after(pool, partial(stack.enter_context, suspended(pid)))
            assert 0.5 < time.monotonic() - began < 0.6 + A_LITTLE
            assert await count_due(pool) == 0, "by another connection"
