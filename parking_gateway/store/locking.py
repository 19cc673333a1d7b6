"""Rows are locked in the order of their keys before a statement writes them.

So transactions side by side wait for each other and never deadlock. Kinds have an order too: spaces, zones, sites, devices.
"""

from typing import Any

import sqlalchemy as sa


def locked_by_key(
    key: sa.Column[Any],
    *where: sa.ColumnElement[bool],
    beside: sa.FromClause | None = None,
    columns: tuple[sa.ColumnElement[Any], ...] = (),
) -> sa.CTE:
    """The rows of the key's table that meet these conditions, locked: `key`, and these columns.

    `beside` is joined with the table by the conditions.
    """
    table = key.table
    source = table if beside is None else table.join(beside, sa.and_(*where))
    rows = sa.select(key.label("key"), *columns).select_from(source)
    if beside is None:
        rows = rows.where(*where)
    return rows.order_by(key).with_for_update(of=table, key_share=True).cte("locked")
