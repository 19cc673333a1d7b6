"""What a gateway remembers of its broker: markers and subscriptions; and statements that write nothing here."""

from typing import Final

from parking_gateway.store import announcements, gateways
from parking_gateway.store.query import Rows, waits
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Transaction
from tests.simulation.statements.batches import elements


async def _markers(transaction: Transaction, _arguments: Arguments) -> Rows:
    return [(key, row["confirmed"]) for key, row in transaction.all("gateway")]


async def _set_marker(transaction: Transaction, arguments: Arguments) -> Rows:
    await transaction.lock("gateway", arguments["gateway"])
    transaction.put("gateway", arguments["gateway"], {"confirmed": arguments["number"]})
    return ()


async def _advance(transaction: Transaction, arguments: Arguments) -> Rows:
    row = await transaction.lock("gateway", arguments["gateway"])
    if row is None:
        return ()
    transaction.put("gateway", arguments["gateway"], {"confirmed": max(row["confirmed"], arguments["number"])})
    return [(row["confirmed"],)]


async def _filters(transaction: Transaction, arguments: Arguments) -> Rows:
    row = transaction.get("broker_session", arguments["client"])
    return [] if row is None else [(row["filters"],)]


async def _remember_filters(transaction: Transaction, arguments: Arguments) -> Rows:
    await transaction.lock("broker_session", arguments["client"])
    transaction.put("broker_session", arguments["client"], {"filters": elements(arguments["held"])})
    return ()


async def _nothing(_transaction: Transaction, _arguments: Arguments) -> Rows:
    return ()


*_, _forgets, _sets = gateways.begin_again("", 0)
assert _forgets.statement is announcements.forget().statement
STATEMENTS: Final = {
    gateways.markers().statement.name: _markers,
    gateways.advance("", 0).statement.name: _advance,
    _sets.statement.name: _set_marker,
    gateways.filters("").statement.name: _filters,
    gateways.remember_filters([], client_id="").statement.name: _remember_filters,
    announcements.forget().statement.name: _nothing,
    announcements.all_topics(limit=1).statement.name: _nothing,
    waits().statement.name: _nothing,
}
