"""What the tables of the past gain from a turn: stays, steps, offers, and what has come late."""

import json
from datetime import timedelta
from typing import Any, Final

from parking_gateway.store import hours
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import EPOCH, rows
from tests.simulation.statements.spaces import names_of, placed

_KEPT: Final = timedelta(days=7)


async def _end_stays(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in sorted(rows(arguments), key=lambda row: row["number"]):
        space = placed(transaction, one["row"])
        is_of_row = one["arrived_at"] is None
        arrived_at = space and (space["arrived_at"] if is_of_row else one["arrived_at"])
        if space is None or arrived_at is None:
            continue
        stay = {
            "id": transaction.next("past_stay"),
            "space": space["id"],
            "arrived_at": arrived_at,
            "departed_at": max(one["departed_at"], arrived_at),
            "arrival": one["arrival"] if one["arrival"] is not None else space["arrival"],
            "departure": one["departure"],
            "reservation": space["arrived_for"] if is_of_row else one["reservation"],
            "overstay": is_of_row and space["overstay"] is not None,
            "corrects": None,
            "withdrawn_at": None,
        }
        transaction.put("past_stay", stay["id"], stay)
        announce_stay(transaction, stay, expires_at=transaction.now + _KEPT)
    return ()


def announce_stay(transaction: Transaction, stay: Row, *, expires_at: Any, **more: Any) -> None:
    """Have a stay published."""
    body = {
        "type": "session",
        "space": stay["space"],
        "id": stay["id"],
        "arrived_at": stay["arrived_at"],
        "departed_at": stay["departed_at"],
        "is_overstay": stay["overstay"],
        "reservation": stay["reservation"],
        **more,
    }
    send(transaction, stay["space"], body, expires_at=expires_at)


def send(transaction: Transaction, space_id: int | None, body: Any, *, expires_at: Any, retry_at: Any = None) -> int:
    """Write a message that is published once. Returns its id."""
    number = transaction.next("outgoing")
    text = json.dumps(body, default=lambda one: one.isoformat())
    row = {"id": number, "names": names_of(transaction, space_id), "body": text}
    transaction.put("outgoing", number, row | {"expires_at": expires_at, "retry_at": retry_at})
    return number


async def _append_steps(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in sorted(rows(arguments), key=lambda row: row.pop("number")):
        number = transaction.next("transition")
        transaction.put("transition", number, one | {"id": number, "corrects": None, "withdrawn_at": None})
    return ()


async def _append_offers(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in sorted(rows(arguments), key=lambda row: row.pop("number")):
        number = transaction.next("offer")
        transaction.put("offer", number, one | {"id": number})
    return ()


async def _note_late(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in rows(arguments):
        known = await transaction.lock("late", one["space"])
        if known is not None:
            one |= {"since": min(known["since"], one["since"]), "until": max(known["until"], one["until"])}
        transaction.put("late", one["space"], one)
    return ()


async def _mark_hours(transaction: Transaction, arguments: Arguments) -> Rows:
    number = transaction.next("stale_hour")
    transaction.put("stale_hour", number, {"since": arguments["at"]})
    return ()


STATEMENTS: Final = {
    b"end_stays": _end_stays,
    b"append_steps": _append_steps,
    b"append_offers": _append_offers,
    b"note_late": _note_late,
    hours.mark(EPOCH).statement.name: _mark_hours,
}
