"""The checks of every new connection: which server it leads to, and whether a pooler is between."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import psycopg
from loguru import logger
from psycopg.errors import InsufficientPrivilege, UndefinedFunction

from parking_gateway.store.known_server import KnownServer, ServerId
from parking_gateway.store.session_settings import are_reported, pin

POOLED: Final = (
    "A pooler is between the gateway and PostgreSQL: it has to be in session mode, or database.prepare has to be false"
)
_SERVER: Final = (
    "select (select system_identifier::text from pg_control_system()),"
    " case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_lsn()) end"
)
_RAISE_IDS: Final = """
select
    setval(
        pg_get_serial_sequence(name, 'id'),
        greatest(nextval(pg_get_serial_sequence(name, 'id')), (extract(epoch from clock_timestamp()) * 1000000)::bigint)
    )
from unnest(%s::text[]) as known_by_id (name)
where to_regclass(name) is not null
"""
_KNOWN_BY_ID: Final = ["transition", "past_stay", "outgoing", "reservation"]
_TIMELINE: Final = slice(8)
"""Of the name of a file of the log: the timeline, in hexadecimal digits."""


class ServerCheck:
    """The checks of one pool."""

    def __init__(self, known: KnownServer | None = None, *, prepares: bool = True) -> None:
        """`prepares` False: each transaction may be in another session, behind a pooler in transaction mode."""
        self.known = known or KnownServer(None)
        self.prepares = prepares
        self.takes_options = True
        """Whether a connection may have libpq's `options`. PgBouncer refuses them unless it ignores them."""
        self.found: ServerId | None = None
        """The server of the last connection. None: it is not known."""
        self.is_pooled = False
        """Whether the last connection led to a pooler."""
        self.changed: Callable[[], None] = lambda: None
        """Called when the server has changed. Connections that were made before lead to the old one."""

    async def require_usable(self, connection: psycopg.AsyncConnection[Any], settings: Mapping[str, str]) -> None:
        """Check a new connection, which is in autocommit. Raises OldServer and WrongSettings."""
        await self._look_for_pooler(connection)
        self.found = await server_of(connection)
        if self.found is not None:
            self.meet(self.found)
            if self.known.has_changed:
                await _raise_ids(connection)
        if self.is_pooled or not self.takes_options or not are_reported(connection):
            await pin(connection, settings, is_session_ours=self.prepares or not self.is_pooled)

    def meet(self, found: ServerId) -> None:
        """From now on, no server older than this one is worked on. Raises OldServer if it is older than the known one."""
        if self.known.meet(found):
            self.changed()

    async def _look_for_pooler(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """A pooler makes up the number that the protocol gives for the backend."""
        row = await (await connection.execute("select pg_backend_pid()")).fetchone()
        is_pooled = row != (connection.info.backend_pid,)
        if is_pooled and not self.is_pooled:
            logger.bind(prepare=self.prepares).info(POOLED)
        self.is_pooled = is_pooled


async def _raise_ids(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let later rows have higher ids than any that was published: before anything is written, and not only before it is published.

    A role that may write nothing makes no ids. It does not wait for a standby, without which no connection could be made: a
    server that is promoted next raises them again.
    """
    with suppress(InsufficientPrivilege):
        async with connection.transaction():
            await connection.execute("set local synchronous_commit = local")
            await connection.execute(_RAISE_IDS, [_KNOWN_BY_ID])


async def server_of(connection: psycopg.AsyncConnection[Any]) -> ServerId | None:
    """The server behind the connection. None: it is a standby, or the role may not ask."""
    try:
        row = await (await connection.execute(_SERVER)).fetchone()
    except (InsufficientPrivilege, UndefinedFunction):
        return None
    system_identifier, file = row or (None, None)
    if system_identifier is None or file is None:
        return None
    return ServerId(system_identifier=system_identifier, timeline=int(file[_TIMELINE], 16))
