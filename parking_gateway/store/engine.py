"""The pool of connections to PostgreSQL: bounded, named, and with a limit on every wait."""

import os
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from parking_gateway.process.config import database_url
from parking_gateway.process.config.sections import DatabaseConfig
from parking_gateway.store.connecting import connect

Engine = AsyncEngine
"""The pool, as those who only hand it on know it."""
Connection = AsyncConnection

_GENERATION: Final = "generation"
"""Of the pool when a connection was made: a key of the memory that SQLAlchemy keeps for it."""
_IS_NEW: Final = "is new"
"""Whether a connection was not given out yet: likewise."""


def engine_for(url: str, config: DatabaseConfig) -> AsyncEngine:
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
    _CONNECTIONS[engine.sync_engine] = _Connections(engine)
    return engine


@asynccontextmanager
async def opened(url: str, config: DatabaseConfig) -> AsyncIterator[AsyncEngine]:
    """A pool that is closed at the end."""
    engine = engine_for(url, config)
    try:
        yield engine
    finally:
        await engine.dispose()


class Refused(Exception):  # noqa: N818 - PostgreSQL's answer, not a failure of ours
    """PostgreSQL refuses what a statement holds. The message is its own."""


class _Connections:
    """What the pool's connections have in common: which of them may still be given out, and how all are ended."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._generation = 0
        self._standing: WeakSet[Any] = WeakSet()
        sa.event.listen(engine.sync_engine, "connect", self._made)
        sa.event.listen(engine.sync_engine, "checkout", self._require_fresh)

    def renew(self) -> None:
        """Give out none of the connections that were made until now."""
        self._generation += 1

    def hang_up(self) -> None:
        """End every connection, also those that are in use."""
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
        if record.info.get(_GENERATION) != self._generation or _has_something_to_say(connection):
            raise sa.exc.DisconnectionError


_CONNECTIONS: Final[WeakKeyDictionary[sa.Engine, _Connections]] = WeakKeyDictionary()
"""Of every pool that `engine_for` made."""


def renew(engine: AsyncEngine) -> None:
    """Have every statement from now on sent over a connection that is made from now on.

    The cause that ended one connection (a restart, a failover, another schema) has mostly ended the others too, and each of
    them would cost one more attempt. A new connection also has no prepared statements of an earlier schema.
    """
    if connections := _CONNECTIONS.get(engine.sync_engine):
        connections.renew()


def hang_up(engine: AsyncEngine) -> None:
    """End every connection, so that whoever waits for the server fails at once.

    A cancelled statement waits for the server as well: psycopg asks it to cancel, which takes 10 s if it does not answer.
    """
    if connections := _CONNECTIONS.get(engine.sync_engine):
        connections.hang_up()


def _has_something_to_say(connection: Any) -> bool:
    """Whether the server has sent something unasked: mostly that it ends the connection."""
    poll = select.poll()
    poll.register(connection.driver_connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _milliseconds(wait: timedelta) -> int:
    return round(wait.total_seconds() * 1000)
