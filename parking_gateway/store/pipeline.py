"""Statements that travel together: one round trip for all of them, over the connection that SQLAlchemy's pool lends.

A store function that stands on the way of every uplink does no I/O: it returns a `Query`, which says what to ask and how
to read the answer, and `together` asks. Every statement is prepared once for a connection.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from itertools import count
from typing import Any, Final, Generic, TypeVar, overload

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg.adapt import Transformer
from psycopg.pq import Format, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.store import commands
from parking_gateway.store.column_types import require_types
from parking_gateway.store.connecting import OurConnection
from parking_gateway.store.round_trip import Command, error_of, is_done, round_trip
from parking_gateway.store.rows import Arguments

Answer = TypeVar("Answer")
First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")

Rows = Sequence[tuple[Any, ...]]

_DIALECT: Final = dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call] # SQLAlchemy's
_PREPARED: Final = "prepared statements"
"""Which of ours a connection knows: a key of the memory that SQLAlchemy keeps for it."""


class Statement:
    """A statement of SQLAlchemy as PostgreSQL reads it, written once, when it is first needed."""

    _numbers: Final = count()

    def __init__(self, statement: sa.Executable) -> None:
        self.name = f"statement_{next(self._numbers)}".encode()
        """Under which it is prepared."""
        self._statement = statement

    @cached_property
    def text(self) -> str:
        """With numbered parameters."""
        return str(self._compiled)

    def values(self, arguments: Arguments) -> list[str | None]:
        """The values of the parameters as text, in their order: the arguments, and what the statement itself brings."""
        found = [arguments.get(name, brought) for name, brought in self._parameters]
        return [None if value is None else str(value) for value in found]

    @cached_property
    def columns(self) -> Sequence[sa.ColumnElement[Any]]:
        """Of its answer, as far as they are known."""
        return list(getattr(self._statement, "exported_columns", ()))

    @cached_property
    def _parameters(self) -> list[tuple[str, Any]]:
        """Their names, and what the statement itself brings for some of them."""
        brought = self._compiled.params
        return [(name, brought[name]) for name in self._compiled.positiontup]

    @cached_property
    def _compiled(self) -> Any:
        return self._statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined] # every statement has it


class Query(msgspec.Struct, Generic[Answer], frozen=True, kw_only=True):
    """A statement with its arguments, and what its rows mean."""

    statement: Statement
    arguments: Arguments
    read: Callable[[Rows], Answer]


def command(statement: Statement, arguments: Arguments) -> Query[None]:
    """A query whose answer is that it was done."""
    return Query(statement=statement, arguments=arguments, read=_nothing)


@overload
async def together(connection: AsyncConnection, first: Query[First], /) -> tuple[First]: ...
@overload
async def together(
    connection: AsyncConnection, first: Query[First], second: Query[Second], /
) -> tuple[First, Second]: ...
@overload
async def together(
    connection: AsyncConnection, first: Query[First], second: Query[Second], third: Query[Third], /
) -> tuple[First, Second, Third]: ...
@overload
async def together(connection: AsyncConnection, /, *queries: Query[Any]) -> tuple[Any, ...]: ...
async def together(connection: AsyncConnection, /, *queries: Query[Any]) -> tuple[Any, ...]:
    """Ask all of them, in their order, and return their answers. Raises psycopg's error of the first that fails."""
    return await _travel(connection, queries, ends=False)


@overload
async def commit_together(connection: AsyncConnection, first: Query[First], /) -> tuple[First]: ...
@overload
async def commit_together(
    connection: AsyncConnection, first: Query[First], second: Query[Second], /
) -> tuple[First, Second]: ...
@overload
async def commit_together(connection: AsyncConnection, /, *queries: Query[Any]) -> tuple[Any, ...]: ...
async def commit_together(connection: AsyncConnection, /, *queries: Query[Any]) -> tuple[Any, ...]:
    """The same, and the commit travels with them."""
    return await _travel(connection, queries, ends=True)


async def tried(connection: AsyncConnection, trials: Sequence[Sequence[Query[Any]]]) -> list[psycopg.Error | None]:
    """What PostgreSQL has against each of these lists of queries: None where all of it could be committed.

    Every list is carried out under a savepoint and undone, all in one round trip. What the connection had begun is rolled
    back first, so that locks are taken in the order of the queries.
    """
    driver = _driver(connection)
    new = _unprepared(connection, [query for queries in trials for query in queries])
    ending = [] if driver.pgconn.transaction_status == TransactionStatus.IDLE else [commands.rollback]
    first = [commands.begin, commands.check_at_once, commands.savepoint]
    lists: list[list[Command]] = [[commands.undo, *(_execute(query) for query in queries)] for queries in trials]
    try:
        _, prepared, opening, *results, _ = await round_trip(
            driver, [ending, _preparing(new), first, *lists, [commands.rollback]]
        )
    finally:
        await _give_up_midway(connection)
    _remember(connection, new, prepared)
    if error := error_of([*prepared, *opening]):
        raise error
    return [error_of(one) for one in results]


_WAIT: Final = Statement(sa.text("select pg_logical_emit_message(true, 'parking-gateway', '')"))


def waits() -> Query[None]:
    """Writes nothing but a record of the log, so that the commit waits for the standby as one that writes something does.

    A commit that has written nothing does not wait. What it found written already may be on this server alone: the commit
    that wrote it may have been cut off, or its wait cancelled.
    """
    return command(_WAIT, {})


async def _travel(connection: AsyncConnection, queries: Sequence[Query[Any]], *, ends: bool) -> tuple[Any, ...]:
    driver = _driver(connection)
    new = _unprepared(connection, queries)
    # Where nothing was begun, all of a round trip is one transaction anyway.
    is_begun = driver.pgconn.transaction_status != TransactionStatus.IDLE
    before = [] if is_begun or ends else [commands.begin]
    after = [commands.commit] if is_begun and ends else []
    asking = [_execute(query) for query in queries]
    try:
        (results,) = await round_trip(driver, [[*before, *_preparing(new), *asking, *after]])
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
    if new:
        _require_types(new, queries, answers)
    return tuple([query.read(_rows(driver, result)) for query, result in zip(queries, answers, strict=True)])


def _unprepared(connection: AsyncConnection, queries: Sequence[Query[Any]]) -> dict[bytes, Statement]:
    """Those of the queries' statements that this connection does not know yet, by their names."""
    prepared: set[bytes] = connection.info.setdefault(_PREPARED, set())
    return {query.statement.name: query.statement for query in queries if query.statement.name not in prepared}


def _preparing(new: Mapping[bytes, Statement]) -> list[Command]:
    return [partial(commands.prepare, name, statement.text) for name, statement in new.items()]


def _remember(connection: AsyncConnection, new: Mapping[bytes, Statement], results: Sequence[PGresult]) -> None:
    """What is prepared stays, whatever became of the commands behind it."""
    done = [name for name, result in zip(new, results, strict=True) if is_done(result)]
    connection.info[_PREPARED].update(done)


def _require_types(new: Mapping[bytes, Statement], queries: Sequence[Query[Any]], answers: Sequence[PGresult]) -> None:
    for query, result in zip(queries, answers, strict=True):
        if query.statement.name in new:
            require_types(query.statement.columns, result)


async def _give_up_midway(connection: AsyncConnection) -> None:
    """Give the connection up if it was left in the middle of a round trip.

    It is lost, or we were interrupted and nobody knows what it still has to say. The pool would try to roll back, and log
    as an error that it cannot.
    """
    driver = _driver(connection)
    if driver.closed or driver.pgconn.pipeline_status != PipelineStatus.OFF:
        await connection.invalidate()


def _execute(query: Query[Any]) -> Command:
    return partial(commands.execute, query.statement.name, query.statement.values(query.arguments))


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


def _nothing(_rows: Rows) -> None:
    return None
