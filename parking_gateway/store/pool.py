"""The pool of connections to PostgreSQL: bounded, named, and with a limit on every wait."""

import os
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final
from weakref import WeakSet

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from typing_extensions import override

from parking_gateway.process.config import database_url
from parking_gateway.process.config.sections import DatabaseConfig
from parking_gateway.store.connecting import connect
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.pipeline import PipelinedConnection

_GENERATION: Final = "generation"
"""Of the pool when a connection was made: a key of the memory that SQLAlchemy keeps for it."""
_IS_NEW: Final = "is new"
"""Whether a connection was not given out yet: likewise."""


def pool_for(url: str, config: DatabaseConfig) -> "Pool":
    """A pool for `url` (`postgresql://…`). Connects when first used."""
    settings = {
        "statement_timeout": _milliseconds(config.statement_timeout),
        "lock_timeout": _milliseconds(config.lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(config.statement_timeout),
        # All that varies from one time to the next is how many rows an array has. Without this, PostgreSQL plans most
        # statements anew every time, which takes longer than to carry them out.
        "plan_cache_mode": "force_generic_plan",
    }
    engine = create_async_engine(
        "postgresql+psycopg://",  # the driver is given what libpq reads in the URL: SQLAlchemy reads less of it
        poolclass=AsyncAdaptedQueuePool,
        pool_size=config.pool_size,
        max_overflow=0,
        json_deserializer=msgspec.json.decode,
        use_native_hstore=False,  # to look for it takes a round trip
        pool_timeout=config.pool_timeout.total_seconds(),
        connect_args={
            "application_name": config.application_name,
            "connect_timeout": max(2, round(config.connect_timeout.total_seconds())),
            "async_creator_fn": connect,
            "settings": settings,
            "tcp_user_timeout": _milliseconds(config.statement_timeout),
            **database_url.parameters(url),
            # `pipeline` prepares; the driver would deallocate everybody's statements with its own.
            "prepare_threshold": None,
        },
    )
    return Pool(engine)


@asynccontextmanager
async def opened(url: str, config: DatabaseConfig) -> AsyncIterator["Pool"]:
    """A pool that is closed at the end."""
    pool = pool_for(url, config)
    try:
        yield pool
    finally:
        await pool.engine.dispose()


class Pool(Database):
    """Connections to PostgreSQL: which of them may still be given out, and how all are ended."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        """SQLAlchemy's pool, for migrations."""
        self._generation = 0
        self._standing: WeakSet[Any] = WeakSet()
        sa.event.listen(engine.sync_engine, "connect", self._made)
        sa.event.listen(engine.sync_engine, "checkout", self._require_fresh)

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        async with self.engine.connect() as connection:
            yield PipelinedConnection(connection)

    @override
    def renew(self) -> None:
        self._generation += 1

    @override
    def hang_up(self) -> None:
        for driver in [one for one in self._standing if not one.closed]:
            with socket.socket(fileno=os.dup(driver.pgconn.socket)) as ours, suppress(OSError):  # it is over already
                ours.shutdown(socket.SHUT_RDWR)

    def _made(self, connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_GENERATION], record.info[_IS_NEW] = self._generation, True
        self._standing.add(connection.driver_connection)

    def _require_fresh(self, connection: Any, record: ConnectionPoolEntry, _fairy: object) -> None:
        """Raise for one that is not to be used any more: SQLAlchemy makes another one in its place."""
        # A new one is never refused: after two of them SQLAlchemy raises an error that says nothing of the database. A
        # server that ends while we connect is found out by the first statement.
        if record.info.pop(_IS_NEW, False):
            return
        if record.info.get(_GENERATION) != self._generation or _has_unread_bytes(connection):
            raise sa.exc.DisconnectionError


def _has_unread_bytes(connection: Any) -> bool:
    """Whether the server has sent something unasked: mostly that it ends the connection."""
    poll = select.poll()
    poll.register(connection.driver_connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _milliseconds(wait: timedelta) -> int:
    return round(wait.total_seconds() * 1000)
