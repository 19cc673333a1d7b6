"""Rows by the names of their topics: compared with what the broker retains, and made due again."""

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Final

from parking_gateway.core.due import DueKind
from parking_gateway.store import tree
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import rows
from tests.simulation.statements.spaces import names_of


async def _again(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    key = "dev_eui" if kind is DueKind.DEVICE else "id"
    found = []
    for one in sorted(rows(arguments), key=lambda row: row[key]):
        row = await transaction.lock(kind.value, one[key])
        if row is not None and row["version"] == one["version"] == row["published_version"]:
            transaction.change(kind.value, one[key], published_version=transaction.never)
            found.append((one[key],))
    return found


async def _without_row(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    present = {_names(transaction, kind, row) for _, row in transaction.all(kind.value)}
    return [names for names in _given(arguments) if names not in present]


async def _named_again(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    given = set(_given(arguments))
    for key, row in sorted(transaction.all(kind.value)):
        if _names(transaction, kind, row) in given and await transaction.lock(kind.value, key) is not None:
            transaction.change(kind.value, key, published_version=transaction.never)
    return ()


def _given(arguments: Arguments) -> list[tuple[Any, ...]]:
    return [tuple(one.values()) for one in rows(arguments)]


def _names(transaction: Transaction, kind: DueKind, row: Row) -> tuple[Any, ...]:
    if kind is DueKind.SPACE:
        return names_of(transaction, row["id"])
    if kind is DueKind.ZONE:
        site = transaction.get("site", row["site_id"])
        return site and site["name"], row["name"]
    return (row["dev_eui"] if kind is DueKind.DEVICE else row["name"],)


def _statements() -> Iterator[tuple[bytes, Callable[[Transaction, Arguments], Coroutine[Any, Any, Rows]]]]:
    for kind in DueKind:
        yield tree.publish_again(kind, []).statement.name, partial(_again, kind=kind)
        yield tree.without_row(kind, []).statement.name, partial(_without_row, kind=kind)
        yield tree.publish_named(kind, []).statement.name, partial(_named_again, kind=kind)


STATEMENTS: Final = dict(_statements())
