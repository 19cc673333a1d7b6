"""The database as the rest of the gateway uses it: connections, and round trips of queries on them.

`pool.Pool` is the implementation for PostgreSQL. The loops of intake and outbox use only these two protocols, so that they
also run on a simulated database.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar, overload

from parking_gateway.store.query import Query

First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")


class Connection(Protocol):
    """One connection. A transaction begins with the first query and is committed by `commit_together` only."""

    @overload
    async def together(self, first: Query[First], /) -> tuple[First]: ...
    @overload
    async def together(self, first: Query[First], second: Query[Second], /) -> tuple[First, Second]: ...
    @overload
    async def together(
        self, first: Query[First], second: Query[Second], third: Query[Third], /
    ) -> tuple[First, Second, Third]: ...
    @overload
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]: ...
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        """Execute all of them in one round trip, in their order, and return their answers.

        Raises the error of the first that fails; then the transaction can only be rolled back.
        """
        ...

    @overload
    async def commit_together(self, first: Query[First], /) -> tuple[First]: ...
    @overload
    async def commit_together(self, first: Query[First], second: Query[Second], /) -> tuple[First, Second]: ...
    @overload
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]: ...
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        """Execute all of them and commit, in one round trip."""
        ...

    async def rollback(self) -> None:
        """Undo the transaction."""
        ...

    @property
    def memory(self) -> dict[str, Any]:
        """What is remembered for as long as the connection lasts. A new one may lead to a database that was restored."""
        ...

    async def tried(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        """Why each of these lists of queries could not be committed; None: it could. Nothing is kept.

        Every list is executed under a savepoint and undone, all in one round trip. The transaction that had begun is rolled
        back first, so that locks are taken in the order of the queries.
        """
        ...


class Database(Protocol):
    """Where connections come from."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for one piece of work. At its end, a transaction that is not committed is rolled back."""
        ...

    def renew(self) -> None:
        """Have every query from now on sent over a connection that is made from now on.

        The cause that ended one connection (a restart, a failover, another schema) has mostly ended the others too, and each
        of them would cost one more attempt. A new connection also has no prepared statements of an earlier schema.
        """
        ...

    def hang_up(self) -> None:
        """End every connection, so that work that waits for the server fails at once.

        A cancelled statement waits for the server as well: psycopg asks it to cancel, which takes 10 s if it does not answer.
        """
        ...
