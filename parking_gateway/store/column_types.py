"""The types of an answer, compared with our tables, because an administrator may have altered a column."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from psycopg.pq.abc import PGresult
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables import metadata
from parking_gateway.store.verdicts import WrongTypes

_WHOLE: Final = frozenset({20, 21, 23})
_BROKEN: Final = frozenset({700, 701})
_JSON: Final = frozenset({114, 3802})
_OIDS: Final[Mapping[type, frozenset[int]]] = {
    sa.SmallInteger: _WHOLE,
    sa.Integer: _WHOLE,
    sa.BigInteger: _WHOLE,
    sa.REAL: _BROKEN,
    sa.Text: frozenset({25, 1043}),
    sa.Boolean: frozenset({16}),
    sa.TIMESTAMP: frozenset({1184}),
    pg.UUID: frozenset({2950}),
    pg.BYTEA: frozenset({17}),
    pg.JSON: _JSON,
    pg.JSONB: _JSON,
}
"""The types of PostgreSQL, by their ids, that are read as one of SQLAlchemy's."""


def _by_name() -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for table in metadata.tables.values():
        for column in table.columns:
            found[column.name] = found.get(column.name, frozenset()) | _OIDS.get(type(column.type), frozenset())
    return found


_BY_NAME: Final = _by_name()
"""The types of our columns, by the names of the columns."""


def require_types(columns: Sequence[sa.ColumnElement[Any]], answer: PGresult) -> None:
    """Raise `WrongTypes` if a column of the answer has a type that is read as something else than ours.

    Columns that are not given are known by their names. Once for each connection is enough: when a type is changed later,
    PostgreSQL refuses to execute a prepared statement.
    """
    for place in range(answer.nfields):
        name = (answer.fname(place) or b"").decode()
        expected = _OIDS.get(type(columns[place].type)) if columns else _BY_NAME.get(name)
        if expected and answer.ftype(place) not in expected:
            raise WrongTypes(f"the column {name} has another type than this version needs")
