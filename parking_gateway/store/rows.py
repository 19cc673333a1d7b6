"""A batch of rows as one argument of one statement: a JSON array that PostgreSQL unfolds into a table.

Measured on 11 columns of uplinks: 3 µs of Python per row, against 7 µs for joined array literals and 22 µs for lists
given to the driver, which converts them element by element; and text of strangers needs no quoting of ours.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg


def table_of(*columns: sa.Column[Any]) -> sa.TableValuedAlias:
    """The parameter `rows` as a table with these columns, named and typed as in their own tables."""
    typed = (sa.column(column.name, column.type) for column in columns)
    argument = sa.cast(sa.bindparam("rows", type_=sa.Text), pg.JSON)
    return sa.func.json_to_recordset(argument).table_valued(*typed).render_derived(name="batch", with_types=True)


def listed(name: str, kind: type[sa.Text | sa.BigInteger]) -> sa.ScalarSelect[Any]:
    """The parameter of that name, given by `array_of`, as what `in_` looks in.

    Not `= any(array)`: whenever PostgreSQL reads the table in one go, that compares every row with every element.
    """
    return sa.select(sa.func.unnest(sa.cast(sa.bindparam(name, type_=sa.Text), sa.ARRAY(kind)))).scalar_subquery()


def array_of(values: Iterable[int | str]) -> str:
    """The argument for `listed`: numbers, or names without characters that an array gives a meaning."""
    return "{" + ",".join(map(str, values)) + "}"


def encode(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The argument for `table_of`: datetimes, UUIDs and enums become text, bytes must be given by `hex_of`."""
    return {"rows": msgspec.json.encode(list(rows)).decode()}


def hex_of(data: bytes) -> str:
    r"""Bytes as PostgreSQL reads them from text: `\x` and hexadecimal digits."""
    return "\\x" + data.hex()
