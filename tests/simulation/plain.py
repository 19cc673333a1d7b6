"""The double of the database without a network, for a test that works on it and on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from typing_extensions import override

from parking_gateway.store.database import Connection, Database
from parking_gateway.store.query import Query, Rows
from tests.simulation.rows import Tables, Transaction, executed
from tests.simulation.statements import STATEMENTS


class Plain(Database, Connection):
    """The double without a network: each query is answered at once."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._transaction: Transaction | None = None
        self._memory: dict[str, Any] = {}

    @property
    @override
    def memory(self) -> dict[str, Any]:
        return self._memory

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        yield self
        await self.rollback()

    @override
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        self._transaction = self._transaction or Transaction(self._tables)
        answers: list[Rows] = [
            executed(STATEMENTS[one.statement.name](self._transaction, one.arguments)) for one in queries
        ]
        return tuple([query.read(rows) for query, rows in zip(queries, answers, strict=True)])

    @override
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        answers = await self.together(*queries)
        if self._transaction is not None:
            self._transaction.commit()
        self._transaction = None
        return answers

    @override
    async def rollback(self) -> None:
        if self._transaction is not None:
            self._transaction.end()
        self._transaction = None

    @override
    async def tried(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        raise AssertionError("Nothing fails here")

    @override
    def renew(self) -> None:
        """There is one connection."""

    @override
    def hang_up(self) -> None:
        """There is one connection."""
