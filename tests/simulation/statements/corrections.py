"""Corrections of the past: wrong rows are withdrawn, and right ones are added."""

from datetime import timedelta
from typing import Final

from parking_gateway.store import corrections
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import EPOCH, rows
from tests.simulation.statements.past import announce_stay

_KEPT: Final = timedelta(days=7)


async def _withdraw_steps(transaction: Transaction, arguments: Arguments) -> Rows:
    await _withdraw(transaction, "transition", arguments, at="at")
    return ()


async def _withdraw_stays(transaction: Transaction, arguments: Arguments) -> Rows:
    await _withdraw(transaction, "past_stay", arguments, at="arrived_at")
    return ()


async def _withdraw(transaction: Transaction, table: str, arguments: Arguments, *, at: str) -> None:
    for one in rows(arguments):
        row = await transaction.lock(table, one["id"])
        if row is not None and row[at] == one[at]:
            transaction.change(table, one["id"], withdrawn_at=arguments["now"])


async def _add_steps(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in sorted(rows(arguments), key=lambda row: row["number"]):
        number = transaction.next("transition")
        row = {name: one[name] for name in ("space", "at", "cause", "corrects")}
        row |= {"id": number, "from": one["before"], "to": one["after"]}
        transaction.put("transition", number, row | _withdrawn(one, arguments))
    return ()


async def _add_stays(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in sorted(rows(arguments), key=lambda row: row.pop("number")):
        number = transaction.next("past_stay")
        row = one | {"id": number} | _withdrawn(one, arguments)
        del row["is_withdrawal"]
        transaction.put("past_stay", number, row)
        if row["departed_at"] is not None:
            announce_stay(
                transaction,
                row,
                expires_at=arguments["now"] + _KEPT,
                corrects=row["corrects"],
                is_withdrawn=row["withdrawn_at"] is not None,
            )
    return ()


def _withdrawn(one: Row, arguments: Arguments) -> Row:
    return {"withdrawn_at": arguments["now"] if one["is_withdrawal"] else None}


async def _correct_spaces(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in rows(arguments):
        row = await transaction.lock("space", one["space"])
        if row is None:
            continue
        published, earliest = row["published_transition_at"], one["earliest"]
        present = {name: one[name] for name in ("arrived_at", "arrival", "arrived_for")}
        if published is not None and earliest is not None:
            present["published_transition_at"] = min(published, earliest)
        transaction.change("space", one["space"], **present)
    return ()


async def _go_on(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in rows(arguments):
        row = await transaction.lock("late", one["space"])
        if row is not None and one["since"] is None:
            transaction.delete("late", one["space"])
        elif row is not None:
            transaction.change("late", one["space"], since=one["since"])
    return ()


_OF: Final = vars(corrections)
STATEMENTS: Final = {
    _OF["_WITHDRAW_STEPS"].name: _withdraw_steps,
    _OF["_WITHDRAW_STAYS"].name: _withdraw_stays,
    _OF["_ADD_STEPS"].name: _add_steps,
    _OF["_ADD_STAYS"].name: _add_stays,
    _OF["_SPACES"].name: _correct_spaces,
    corrections.go_on({}, now=EPOCH).statement.name: _go_on,
}
