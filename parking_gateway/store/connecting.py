"""A connection to PostgreSQL with pinned settings, whose commit fails if it did not wait for the standby.

Settings of a role, a database or a server do not change the pinned ones, because the options of a client override them.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import psycopg
from loguru import logger
from psycopg.errors import Diagnostic
from typing_extensions import override

from parking_gateway.store.schema import SchemaMismatch
from parking_gateway.store.verdicts import Unconfirmed

PINNED: Final = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # A transaction that waited for the row of another one goes on with the committed row. Stricter levels would fail.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # `verdicts` reads the context of an error. Without this, PostgreSQL quotes the content of a message in it.
    "log_parameter_max_length_on_error": "0",
    # A warning is the only sign of a commit that did not wait for the standby.
    "client_min_messages": "warning",
}
"""Settings on which the meaning of text and of a commit depends."""
_REPORTED: Final = ("client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings")
"""Those that every server reports when a client connects."""


class OurConnection(psycopg.AsyncConnection[Any]):
    """A connection whose commit raises `Unconfirmed` if the server did not wait for its standby.

    Every wait for an answer is limited here, because the timeouts of the server are of no use if the server hangs, and those
    of TCP are of no use if only a proxy or the kernel is alive.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answer_seconds: float | None = None
        """The limit of a wait for an answer. None: there is none, as for migrations."""
        self.notices = Notices()
        self.add_notice_handler(self.notices.take)

    @override
    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        # psycopg does not give up when it is cancelled: it asks the server, and waits for that answer.
        late = None
        if self.answer_seconds is not None:
            late = asyncio.get_running_loop().call_later(self.answer_seconds, self.hang_up)
        try:
            return await super().wait(*args, **kwargs)
        finally:
            if late is not None:
                late.cancel()

    def hang_up(self) -> None:
        """End the connection at once. Whoever waits for its answer gets an error."""
        if self.closed:
            return
        with socket.socket(fileno=os.dup(self.pgconn.socket)) as ours, suppress(OSError):  # it is over already
            ours.shutdown(socket.SHUT_RDWR)

    @override
    async def commit(self) -> None:
        await super().commit()
        self.notices.require_confirmed()


async def connect(
    *args: Any,
    settings: Mapping[str, object],
    within: float | None = None,
    answer_seconds: float | None = None,
    options: str = "",
    **kwargs: Any,
) -> OurConnection:
    """Connect with these settings and the pinned ones. Raises SchemaMismatch if the database is not in UTF-8.

    `within` limits all of it, with the look-up of host names, which `connect_timeout` does not limit.
    """
    pinned = {name: str(value) for name, value in settings.items()} | PINNED
    async with asyncio.timeout(within):
        connection = await OurConnection.connect(*args, options=f"{options} {_as_options(pinned)}".strip(), **kwargs)
    connection.answer_seconds = answer_seconds
    try:
        _require_utf8(connection)
        await _pin_again(connection, pinned)
    except BaseException:
        await connection.close()
        raise
    return connection


class Notices:
    """The server's notices: warnings are logged, and one of them means that a commit does not count."""

    def __init__(self) -> None:
        self._is_unconfirmed = False

    def take(self, notice: Diagnostic) -> None:
        """Take one. psycopg calls it while it reads the answers."""
        if notice.severity_nonlocalized != "WARNING":
            return
        # The text depends on lc_messages and has no SQLSTATE of its own. Where in PostgreSQL it was raised does not.
        self._is_unconfirmed = self._is_unconfirmed or notice.source_function == "SyncRepWaitForLSN"
        warning = " ".join((notice.message_primary or "").split())
        logger.bind(warning=warning, sqlstate=notice.sqlstate).warning("PostgreSQL warns")

    def require_confirmed(self) -> None:
        """Raise `Unconfirmed` if a commit was answered without the standby since the last time that this was asked."""
        if self._is_unconfirmed:
            self._is_unconfirmed = False
            raise Unconfirmed("the commit is on this server alone: its wait for the standby was cancelled")


def _as_options(settings: Mapping[str, str]) -> str:
    """The settings as libpq's `options`, in which a space is escaped."""
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())


def _require_utf8(connection: psycopg.AsyncConnection[Any]) -> None:
    encoding = (connection.pgconn.parameter_status(b"server_encoding") or b"UTF8").decode()
    if encoding != "UTF8":
        name = connection.info.dbname
        raise SchemaMismatch(
            f"The database {name} has the encoding {encoding}, which does not have every letter of a name. Create another"
            f" one (create database parking encoding 'UTF8' template template0), restore into it what {name} holds, and"
            " name it in database.url."
        )


async def _pin_again(connection: psycopg.AsyncConnection[Any], settings: Mapping[str, str]) -> None:
    """Where a pooler has swallowed the options, ask for the same by statements."""
    reported = {name: connection.pgconn.parameter_status(name.encode()) for name in _REPORTED}
    if all(value is None or value.decode() == PINNED[name] for name, value in reported.items()):
        return
    for name, value in settings.items():
        await connection.execute("select set_config(%s, %s, false)", [name, value])
    await connection.commit()
