"""Rejected messages. In a universe nothing may be rejected; this table holds what was, all the same."""

from typing import Final

from parking_gateway.store import rejections
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Transaction
from tests.simulation.statements.batches import rows


async def _record(transaction: Transaction, arguments: Arguments) -> Rows:
    known = {row["digest"] for _, row in transaction.all("rejection")}
    for one in rows(arguments):
        if not (one["is_redelivered"] and one["digest"] in known):
            transaction.put("rejection", transaction.next("rejection"), one)
    return ()


STATEMENTS: Final = {rejections.record([]).statement.name: _record}
