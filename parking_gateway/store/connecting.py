"""A connection to PostgreSQL with pinned settings, to a server that may be written to.

Its commit fails if it did not wait for the standby.
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
from parking_gateway.store.server_check import ServerCheck
from parking_gateway.store.session_settings import PINNED, as_options
from parking_gateway.store.verdicts import OldServer, Unconfirmed

REFUSES_OPTIONS: Final = "unsupported startup parameter"
"""In the answer of PgBouncer to libpq's `options`."""
_PORT: Final = 5432


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
    check: ServerCheck | None = None,
    within: float | None = None,
    answer_seconds: float | None = None,
    **parameters: Any,
) -> OurConnection:
    """Connect with these settings and the pinned ones, to the first server of the URL that passes the check.

    `within` limits the connecting, with the look-up of host names, which `connect_timeout` does not limit. Raises SchemaMismatch if the database is not in UTF-8, WrongSettings if a pooler leads to other settings, and OldServer if
    no server is left.
    """
    check = ServerCheck() if check is None else check
    pinned = {name: str(value) for name, value in settings.items()} | PINNED
    refusal: OldServer | None = None
    while True:
        try:
            async with asyncio.timeout(within):
                connection = await _with_options(*args, check=check, pinned=pinned, **parameters)
        except psycopg.OperationalError:
            if refusal is not None:  # the other servers are away, so this one is the reason
                raise refusal from None
            raise
        connection.answer_seconds = answer_seconds
        try:
            _require_utf8(connection)
            await connection.set_autocommit(True)
            await check.require_usable(connection, pinned)
            await connection.set_autocommit(False)
        except OldServer as error:
            refusal, others = error, without(connection.info.host, connection.info.port, parameters)
            await connection.close()
            if others is None:
                raise
            parameters = others
        except BaseException:
            await connection.close()
            raise
        else:
            return connection


async def _with_options(
    *args: Any, check: ServerCheck, pinned: Mapping[str, str], options: str = "", **parameters: Any
) -> OurConnection:
    """Connect with the settings as options, or without options where a pooler refuses them. Those of the URL must not get lost."""
    if check.takes_options:
        try:
            return await OurConnection.connect(*args, options=f"{options} {as_options(pinned)}".strip(), **parameters)
        except psycopg.OperationalError as error:
            if options or REFUSES_OPTIONS not in str(error):
                raise
    connection = await OurConnection.connect(*args, **parameters)
    check.takes_options = False
    return connection


def without(host: str, port: int, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters without this server, which the URL lists among others. None: no other is left."""
    lists = {name: str(parameters[name]).split(",") for name in ("host", "hostaddr", "port") if parameters.get(name)}
    hosts, ports = lists.get("host", []), lists.get("port", [])
    every_port = ports * len(hosts) if len(ports) == 1 else ports or [""] * len(hosts)
    servers = [(name, int(number or _PORT)) for name, number in zip(hosts, every_port, strict=False)]
    if len(servers) < 2 or (host, port) not in servers:  # noqa: PLR2004 - of one server, none is left
        return None
    place = servers.index((host, port))
    rest = {name: [*values[:place], *values[place + 1 :]] for name, values in lists.items() if len(values) > 1}
    return {**parameters, **{name: ",".join(values) for name, values in rest.items()}}


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


def _require_utf8(connection: psycopg.AsyncConnection[Any]) -> None:
    encoding = (connection.pgconn.parameter_status(b"server_encoding") or b"UTF8").decode()
    if encoding != "UTF8":
        name = connection.info.dbname
        raise SchemaMismatch(
            f"The database {name} has the encoding {encoding}, which does not have every letter of a name. Create another"
            f" one (create database parking encoding 'UTF8' template template0), restore into it what {name} holds, and"
            " name it in database.url."
        )
