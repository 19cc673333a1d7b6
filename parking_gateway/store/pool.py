"""The pool of connections to PostgreSQL: bounded, named, and with a limit on every wait."""

import select
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from weakref import WeakSet

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from typing_extensions import override

from parking_gateway.process.config import database_url
from parking_gateway.process.config.database import DatabaseConfig
from parking_gateway.store.connecting import OurConnection, connect
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.server_check import ServerCheck

_GENERATION: Final = "generation"
"""Of the pool when a connection was made: a key of the memory that SQLAlchemy keeps for it."""
_IS_NEW: Final = "is new"
"""Whether a connection was never lent before: likewise a key."""


def pool_for(url: str, config: DatabaseConfig, known: KnownServer | None = None) -> "Pool":
    """A pool for `url` (`postgresql://…`). Connects when first used, and not to a server older than the known one."""
    check = ServerCheck(known, prepares=config.prepare)
    settings = {
        "statement_timeout": _milliseconds(config.statement_timeout),
        "lock_timeout": _milliseconds(config.lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(config.statement_timeout),
        # Two executions differ only in the lengths of their arrays. Without this, PostgreSQL plans most statements for each
        # execution, which takes longer than the execution.
        "plan_cache_mode": "force_generic_plan",
        # A server with LLVM, as Debian's, compiles a statement that may read many rows, again for each execution. That takes
        # longer than to read one page of them.
        "jit": "off",
    }
    given = database_url.parameters(url)
    if _is_list(given):
        # Else the first server that answers would be taken, also a standby.
        given = {"target_session_attrs": "read-write", **given}
    connect_seconds = config.connect_timeout.total_seconds()
    arguments: dict[str, Any] = {
        "application_name": config.application_name,
        "connect_timeout": max(2, round(connect_seconds)),
        # For each server, and for the look-up of their names.
        "within": (given.get("host", "").count(",") + 2) * max(2, connect_seconds),
        "answer_seconds": 2 * config.statement_timeout.total_seconds(),
        "settings": settings,
        "check": check,
        "tcp_user_timeout": _milliseconds(config.statement_timeout),
        # Without a password, libpq asks for that of an encrypted key at the terminal.
        "sslpassword": "none",
        **given,
        # `pipeline` prepares. The driver would deallocate all prepared statements with its own.
        "prepare_threshold": None,
    }
    engine = create_async_engine(
        "postgresql+psycopg://",  # libpq reads the URL for the driver, because SQLAlchemy reads less of it
        poolclass=AsyncAdaptedQueuePool,
        pool_size=config.pool_size,
        max_overflow=0,
        json_deserializer=msgspec.json.decode,
        use_native_hstore=False,  # to look for it takes a round trip
        pool_timeout=config.pool_timeout.total_seconds(),
        pool_reset_on_return=None,  # `Pool.connect` rolls back where there is a transaction, and asks nobody where there is none
        connect_args={"async_creator_fn": connect, **arguments},
    )
    return Pool(engine, check, partial(connect, **arguments), given)


@asynccontextmanager
async def opened(url: str, config: DatabaseConfig, known: KnownServer | None = None) -> AsyncIterator["Pool"]:
    """A pool that is closed at the end."""
    pool = pool_for(url, config, known)
    try:
        yield pool
    finally:
        await pool.engine.dispose()


class Pool(Database):
    """Connections to PostgreSQL: which of them may still be given out, and how all are ended."""

    def __init__(
        self,
        engine: AsyncEngine,
        check: ServerCheck | None = None,
        connect_aside: Callable[[], Awaitable[OurConnection]] | None = None,
        given: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.engine = engine
        """SQLAlchemy's pool, for migrations."""
        self.check = ServerCheck() if check is None else check
        """What was found about the server."""
        self.check.changed = self.renew
        self._connect_aside = connect_aside
        self.given = given
        """The parameters of the URL."""
        self._generation = 0
        self._standing: WeakSet[Any] = WeakSet()
        sa.event.listen(engine.sync_engine, "connect", self._made)
        sa.event.listen(engine.sync_engine, "checkout", self._require_fresh)

    @property
    def has_several_servers(self) -> bool:
        """Whether the URL lists more than one."""
        return _is_list(self.given)

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        lent = PipelinedConnection(await self.engine.connect(), prepares=self.check.prepares)
        try:
            yield lent
        finally:
            await lent.end()

    @asynccontextmanager
    async def connect_aside(self) -> AsyncIterator[OurConnection]:
        """A connection beside the pool, in autocommit, because all of the pool may wait. For a pool of `pool_for`."""
        if self._connect_aside is None:
            raise LookupError("this pool was not made by pool_for")
        async with await self._connect_aside() as connection:
            await connection.set_autocommit(True)
            yield connection

    @override
    def renew(self) -> None:
        self._generation += 1

    @override
    def hang_up(self) -> None:
        for driver in list(self._standing):
            driver.hang_up()

    def _made(self, connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_GENERATION], record.info[_IS_NEW] = self._generation, True
        self._standing.add(connection.driver_connection)

    def _require_fresh(self, connection: Any, record: ConnectionPoolEntry, _fairy: object) -> None:
        """Raise for a connection that must not be used any more. SQLAlchemy then makes another one."""
        # A new connection is never refused, because after two of them SQLAlchemy raises an error without the database's reason.
        # If the server ends while we connect, the first statement fails.
        if record.info.pop(_IS_NEW, False):
            return
        if record.info.get(_GENERATION) != self._generation or _has_unread_bytes(connection):
            raise sa.exc.DisconnectionError


def _is_list(given: Mapping[str, str]) -> bool:
    return any("," in given.get(name, "") for name in ("host", "hostaddr"))


def _has_unread_bytes(connection: Any) -> bool:
    """Whether the server has sent something without a query: mostly the end of the connection."""
    poll = select.poll()
    poll.register(connection.driver_connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _milliseconds(wait: timedelta) -> int:
    return round(wait.total_seconds() * 1000)
