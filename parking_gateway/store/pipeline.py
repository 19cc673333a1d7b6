"""Queries that travel together: one round trip for all of them, over a connection that SQLAlchemy's pool lends.

Every statement is prepared once for a connection, unless a pooler may give each transaction another session.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from parking_gateway.store import libpq
from parking_gateway.store.column_types import require_types
from parking_gateway.store.connecting import OurConnection
from parking_gateway.store.database import Connection
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.round_trip import Command, error_of, is_done, round_trip

_PREPARED: Final = "prepared statements"
"""The names of prepared statements of a connection: a key of the memory that SQLAlchemy keeps for it."""


class PipelinedConnection(Connection):
    """A connection of SQLAlchemy's pool, in libpq's pipeline mode for each round trip."""

    def __init__(self, connection: AsyncConnection, *, prepares: bool = True) -> None:
        self.raw = connection
        """For migrations and other statements that are no queries."""
        self._prepares = prepares

    @override
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        return await _travel(self.raw, queries, prepares=self._prepares, ends=False)

    @override
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        return await _travel(self.raw, queries, prepares=self._prepares, ends=True)

    @override
    async def rollback(self) -> None:
        await _driver(self.raw).rollback()

    async def end(self) -> None:
        """Give the connection back to the pool. A transaction that was not committed is rolled back before.

        SQLAlchemy would do both in a task of their own, and ask the driver even where there is no transaction.
        """
        try:
            await self._rollback_if_begun()
        finally:
            await self.raw.close()

    async def _rollback_if_begun(self) -> None:
        driver = None if self.raw.invalidated else _driver(self.raw)
        if driver is None or driver.closed or driver.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        try:
            await driver.rollback()
        except BaseException as failure:
            await self.raw.invalidate()
            if not isinstance(failure, psycopg.Error):
                raise

    @property
    @override
    def memory(self) -> dict[str, Any]:
        return self.raw.info

    @override
    async def tried(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        return await _try(self.raw, trials, prepares=self._prepares)


async def _travel(
    connection: AsyncConnection, queries: Sequence[Query[Any]], *, prepares: bool, ends: bool
) -> tuple[Any, ...]:
    driver = _driver(connection)
    new = _unprepared(connection, queries) if prepares else {}
    # Without BEGIN, a round trip is one transaction by itself.
    is_begun = driver.pgconn.transaction_status != TransactionStatus.IDLE
    before = [] if is_begun or ends else [libpq.begin]
    after = [libpq.commit] if is_begun and ends else []
    execute = _execute if prepares else _execute_unnamed
    asking = [execute(query) for query in queries]
    try:
        (results,) = await round_trip(
            driver, [[*before, *_preparing(new), *asking, *after]], within=driver.answer_seconds
        )
    finally:
        await _give_up_midway(connection)
    first = len(before) + len(new)
    answers = results[first : first + len(queries)]
    if new:
        _remember(connection, new, results[len(before) : first])
    if error := error_of(results):
        raise error
    if ends:
        driver.notices.require_confirmed()
    if new or not prepares:
        _require_types(new, queries, answers, prepares=prepares)
    return tuple([query.read(_rows(driver, result)) for query, result in zip(queries, answers, strict=True)])


async def _try(
    connection: AsyncConnection, trials: Sequence[Sequence[Query[Any]]], *, prepares: bool
) -> list[Exception | None]:
    driver = _driver(connection)
    new = _unprepared(connection, [query for queries in trials for query in queries]) if prepares else {}
    execute = _execute if prepares else _execute_unnamed
    ending = [] if driver.pgconn.transaction_status == TransactionStatus.IDLE else [libpq.rollback]
    first = [libpq.begin, libpq.check_at_once, libpq.savepoint]
    lists: list[list[Command]] = [[libpq.undo, *(execute(query) for query in queries)] for queries in trials]
    try:
        _, prepared, opening, *results, _ = await round_trip(
            driver, [ending, _preparing(new), first, *lists, [libpq.rollback]], within=driver.answer_seconds
        )
    finally:
        await _give_up_midway(connection)
    _remember(connection, new, prepared)
    if error := error_of([*prepared, *opening]):
        raise error
    return [error_of(one) for one in results]


def _unprepared(connection: AsyncConnection, queries: Sequence[Query[Any]]) -> dict[bytes, Statement]:
    """The statements of the queries that are not prepared on this connection, by their names."""
    prepared: set[bytes] = connection.info.setdefault(_PREPARED, set())
    return {query.statement.name: query.statement for query in queries if query.statement.name not in prepared}


def _preparing(new: Mapping[bytes, Statement]) -> list[Command]:
    return [partial(libpq.prepare, name, statement.text) for name, statement in new.items()]


def _remember(connection: AsyncConnection, new: Mapping[bytes, Statement], results: Sequence[PGresult]) -> None:
    """A prepared statement stays, even if a later command failed."""
    done = [name for name, result in zip(new, results, strict=True) if is_done(result)]
    connection.info[_PREPARED].update(done)


def _require_types(
    new: Mapping[bytes, Statement], queries: Sequence[Query[Any]], answers: Sequence[PGresult], *, prepares: bool
) -> None:
    """Of the statements that are executed for the first time. Without preparation, each execution is the first."""
    for query, result in zip(queries, answers, strict=True):
        if query.statement.name in new or not prepares:
            require_types(query.statement.columns, result)


async def _give_up_midway(connection: AsyncConnection) -> None:
    """Give the connection up if it was left in the middle of a round trip.

    It is lost, or it was interrupted and has unread answers. The pool would try to roll back, and log the failure as an error.
    """
    driver = _driver(connection)
    if driver.closed or driver.pgconn.pipeline_status != PipelineStatus.OFF:
        await connection.invalidate()


def _execute(query: Query[Any]) -> Command:
    return partial(libpq.execute, query.statement.name, query.statement.values(query.arguments))


def _execute_unnamed(query: Query[Any]) -> Command:
    return partial(libpq.execute_unnamed, query.statement.text, query.statement.values(query.arguments))


def _rows(driver: OurConnection, result: PGresult) -> Rows:
    if not result.ntuples:
        return ()
    transformer = Transformer(driver)
    transformer.set_pgresult(result, format=Format.BINARY)
    return transformer.load_rows(0, result.ntuples, tuple)


def _driver(connection: AsyncConnection) -> OurConnection:
    found = connection.sync_connection
    driver: OurConnection = found and found.connection.driver_connection  # type: ignore[assignment]
    return driver
