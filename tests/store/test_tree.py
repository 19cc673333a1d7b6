"""Pages of all rows."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from parking_gateway.core.due import DueKind
from parking_gateway.store import tree

MANY = 200_000
"""Rows: enough that to read all of them takes longer than to look up a page."""
CAR_PARK = (
    "insert into site (name) values ('city')",
    "insert into zone (site_id, name) select id, 'zone-' || number from site, generate_series(1, 2000) as number",
    f"""
    insert into space (zone_id, name)
    select zone.id, number from zone, generate_series(1, {MANY} / 2000) as number order by zone.id, number
    """,
)
DEVICES = (
    f"insert into device (dev_eui) select lpad(to_hex(number), 16, '0') from generate_series(1, {MANY}) as number",
)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan."""
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


@pytest.mark.parametrize(("kind", "rows"), [(DueKind.SPACE, CAR_PARK), (DueKind.DEVICE, DEVICES)])
def test_a_page_of_many_rows_is_looked_up_and_the_others_are_not_read(
    database: str, kind: DueKind, rows: tuple[LiteralString, ...]
) -> None:
    """With a plan that is made without the arguments, as the gateway has it."""
    query = tree.page(kind, after=None)
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in (*rows, "analyze"):
            connection.execute(statement)
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(f"prepare page as {query.statement.text}".encode())
        values = ", ".join(f"'{one}'" for one in query.statement.values(query.arguments))
        found = connection.execute(f"explain (format json) execute page ({values})".encode()).fetchone()
    assert found is not None
    reads = [one["Node Type"] for one in nodes(found[0][0]["Plan"]) if one.get("Relation Name") == kind.value]
    assert reads
    assert all("Index" in one for one in reads)
