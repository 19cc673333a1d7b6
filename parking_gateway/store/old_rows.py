"""Deletes rows that are older than they are kept, of a table without months."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from parking_gateway.store.query import Query, counts, written
from parking_gateway.store.tables import TIME

Deletion = Callable[[datetime, int], Query[int]]
"""Deletes rows that are older than a time, at most so many. The answer is how many they were."""


def deletion(age: sa.Column[Any]) -> Deletion:
    """Return the deletion of the rows of a table by this column."""
    table = age.table
    statement = written(
        f"""
with gone as (
    delete from {table} where ctid = any (array(select ctid from {table} where {age.name} < :before limit :limit)) returning 1
)
select count(*) from gone
""",
        before=TIME,
        limit=sa.Integer,
    )
    return lambda before, limit: counts(statement, {"before": before, "limit": limit})
