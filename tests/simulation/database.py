"""A double of the database as the gateway uses it: connections to the server's double."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
from typing_extensions import override

from parking_gateway.store.database import Connection, Database
from parking_gateway.store.query import Query
from tests.simulation.server import Server, Session
from tests.simulation.statements.publication import KNOWN_BY_ID

if TYPE_CHECKING:
    from tests.simulation.machines import Machine


class SimulatedConnection(Connection):
    """A connection, as the gateway uses it."""

    def __init__(self, session: Session, memory: dict[str, Any]) -> None:
        self._session = session
        self._memory = memory

    @property
    @override
    def memory(self) -> dict[str, Any]:
        return self._memory

    @override
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        rows = await self._session.ask(queries, ends=False)
        return tuple([query.read(found) for query, found in zip(queries, rows, strict=True)])

    @override
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        rows = await self._session.ask(queries, ends=True)
        return tuple([query.read(found) for query, found in zip(queries, rows, strict=True)])

    @override
    async def rollback(self) -> None:
        self._session.rollback()

    @override
    async def tried(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        return await self._session.trials(trials)


class SimulatedDatabase(Database):
    """The connections of one process of the gateway."""

    def __init__(self, server: Server, machine: "Machine") -> None:
        self._server = server
        self._machine = machine
        self._memory: dict[str, Any] = {}
        self.check = SimpleNamespace(known=machine.known)
        """As the pool has it."""

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        if self._server.is_away:
            await asyncio.sleep(self._server.world.way())
            raise psycopg.OperationalError("connection refused")
        session = Session(self._server, of=self._machine)
        known = self._machine.known
        if known.meet(self._server.identity):
            self._memory = {}
        if known.has_changed:  # as `store.server_check` does it
            for sequence in KNOWN_BY_ID:
                self._server.raise_ids(sequence)
        try:
            yield SimulatedConnection(session, self._memory)
        finally:
            session.leave(0)

    @override
    def renew(self) -> None:
        self._memory = {}

    @override
    def hang_up(self) -> None:
        self._server.lose_clients(self._machine)
