"""Commands as libpq sends them in a round trip, each with one result."""

from collections.abc import Sequence

from psycopg.pq import Format
from psycopg.pq.abc import PGconn


def prepare(name: bytes, text: str, pgconn: PGconn) -> None:
    """Prepare a statement under this name."""
    pgconn.send_prepare(name, text.encode())


def execute(name: bytes, values: Sequence[str | None], pgconn: PGconn) -> None:
    """Execute the prepared statement of this name. The result is binary."""
    encoded = [None if value is None else value.encode() for value in values]
    pgconn.send_query_prepared(name, encoded, result_format=Format.BINARY)


def execute_unnamed(text: str, values: Sequence[str | None], pgconn: PGconn) -> None:
    """Execute a statement that is parsed and planned anew. The result is binary."""
    encoded = [None if value is None else value.encode() for value in values]
    pgconn.send_query_params(text.encode(), encoded, result_format=Format.BINARY)


def begin(pgconn: PGconn) -> None:
    """Begin a transaction."""
    pgconn.send_query_params(b"begin", None)


def commit(pgconn: PGconn) -> None:
    """Commit it."""
    pgconn.send_query_params(b"commit", None)


def rollback(pgconn: PGconn) -> None:
    """Undo all of it."""
    pgconn.send_query_params(b"rollback", None)


def check_at_once(pgconn: PGconn) -> None:
    """Check deferred constraints with each statement. Else they would refuse at the commit, to which no trial comes."""
    pgconn.send_query_params(b"set constraints all immediate", None)


def savepoint(pgconn: PGconn) -> None:
    """Remember the present state of the transaction, for `undo`."""
    pgconn.send_query_params(b"savepoint trial", None)


def undo(pgconn: PGconn) -> None:
    """Go back to that state."""
    pgconn.send_query_params(b"rollback to trial", None)
