"""A query: a statement with its arguments, and how its rows are read. Pure: `Connection.together` executes it."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count
from typing import Any, Final, Generic, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.visitors import replacement_traverse

from parking_gateway.store.rows import Arguments

Answer = TypeVar("Answer")

Rows = Sequence[tuple[Any, ...]]

NOTHING: Final[Arguments] = {}
_PARAMETER: Final = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""A parameter, as SQLAlchemy finds it."""
_DIALECT: Final = dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call] # SQLAlchemy's


class Statement:
    """A statement of SQLAlchemy as PostgreSQL reads it, written once, when it is first needed.

    Its own whole numbers are part of its text. Plans are made without the values of parameters (`plan_cache_mode`), and a limit
    that PostgreSQL does not know counts as a tenth of all rows, so it would read a whole table for each page.
    """

    _numbers: Final = count()

    name: bytes
    """The name of the prepared statement."""

    def __init__(self, statement: sa.Executable) -> None:
        self.name = f"statement_{next(self._numbers)}".encode()
        self._statement = statement

    @cached_property
    def text(self) -> str:
        """With numbered parameters."""
        return str(self._compiled)

    def values(self, arguments: Arguments) -> list[str | None]:
        """The values of the parameters as text, in their order: the arguments, and the statement's own constants."""
        found = [arguments.get(name, brought) for name, brought in self._parameters]
        return [None if value is None else str(value) for value in found]

    @cached_property
    def columns(self) -> Sequence[sa.ColumnElement[Any]]:
        """Of its answer, as far as they are known before it."""
        return list(getattr(self._statement, "exported_columns", ()))

    @cached_property
    def _parameters(self) -> list[tuple[str, Any]]:
        """Their names, with the statement's own constants for some of them."""
        brought = self._compiled.params
        return [(name, brought[name]) for name in self._compiled.positiontup]

    @cached_property
    def _compiled(self) -> Any:
        statement: Any = self._statement
        return replacement_traverse(statement, {}, _as_text).compile(dialect=_DIALECT)


def _as_text(element: object, **_: object) -> sa.ColumnClause[Any] | None:
    """A whole number as a part of the text. None: it is something else, and stays."""
    if isinstance(element, sa.BindParameter) and type(element.value) is int:
        return sa.literal_column(str(element.value), element.type)
    return None


def written(sql: str, **types: Any) -> Statement:
    """A statement written in SQL. Its parameters are text, as arrays are, where no other type is given."""
    names = dict.fromkeys(_PARAMETER.findall(sql))
    return Statement(sa.text(sql).bindparams(*(sa.bindparam(name, type_=types.get(name, sa.Text)) for name in names)))


class Query(msgspec.Struct, Generic[Answer], frozen=True, kw_only=True):
    """A statement with its arguments, and the function that reads its rows."""

    statement: Statement
    arguments: Arguments
    read: Callable[[Rows], Answer]


def command(statement: Statement, arguments: Arguments = NOTHING) -> Query[None]:
    """A query without an answer."""
    return Query(statement=statement, arguments=arguments, read=_nothing)


def asks(statement: Statement, kind: Callable[..., Answer], arguments: Arguments = NOTHING) -> Query[list[Answer]]:
    """A query whose answer is one `kind` for each row, made from its columns in their order."""
    return Query(statement=statement, arguments=arguments, read=lambda rows: [kind(*row) for row in rows])


def counts(statement: Statement, arguments: Arguments = NOTHING) -> Query[int]:
    """A query whose answer is one number."""
    return Query(statement=statement, arguments=arguments, read=lambda rows: int(rows[0][0]))


_WAIT: Final = Statement(sa.text("select pg_logical_emit_message(true, 'parking-gateway', '')"))


def waits() -> Query[None]:
    """Writes nothing but a record of the log, so that the commit waits for the standby as one that writes something does.

    A commit that has written nothing does not wait. What it found written already may be on this server alone: the commit
    that wrote it may have been cut off, or its wait cancelled.
    """
    return command(_WAIT)


def _nothing(_rows: Rows) -> None:
    return None
