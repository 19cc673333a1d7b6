"""Rows are locked in the order of their keys before a statement writes them.

So transactions side by side wait for each other and never deadlock. Kinds have an order too: spaces, zones, sites, devices.
"""

from typing import Any

import sqlalchemy as sa


def locked_by_key(
    key: sa.Column[Any], *where: sa.ColumnElement[bool], columns: tuple[sa.ColumnElement[Any], ...] = ()
) -> sa.CTE:
    """The rows of the key's table that meet these conditions, locked: `key`, and these columns."""
    rows = sa.select(key.label("key"), *columns).where(*where).order_by(key)
    return rows.with_for_update(of=key.table, key_share=True).cte("locked")
