"""Messages that are published once: written, claimed by one gateway, read and deleted."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from parking_gateway.store import outgoing
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import keys
from tests.simulation.statements.past import send

_CLAIM: Final = "outgoing_claim"
_KEPT: Final = timedelta(days=7)


async def _send(transaction: Transaction, arguments: Arguments) -> Rows:
    for body in json.loads(arguments["bodies"]):
        expires_at, retry_at = (_time(body.get(name)) for name in ("expires_at", "not_before"))
        number = send(
            transaction, body.get("space"), body, expires_at=expires_at or transaction.now + _KEPT, retry_at=retry_at
        )
        if body["type"] == "notice":
            at = datetime.fromisoformat(body["at"])
            notice = {"id": number, "at": at, "kind": body["kind"], "dev_eui": body.get("dev_eui"), "over_at": None}
            transaction.put("notice", number, notice)
    return ()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _is_due(row: Row, now: datetime) -> bool:
    return bool((row["retry_at"] is None or row["retry_at"] <= now) and row["expires_at"] > now)


async def _claim(transaction: Transaction, arguments: Arguments) -> Rows:
    known = transaction.get(_CLAIM, 1)
    is_any_due = any(_is_due(row, transaction.now) for _, row in transaction.all("outgoing"))
    if not is_any_due and (known is None or known["claimed_by"] != arguments["instance"]):
        return ()
    known = await transaction.lock(_CLAIM, 1)
    is_free = (
        known is None
        or known["claimed_by"] in (None, arguments["instance"])
        or known["claimed_until"] <= transaction.now
    )
    if is_free:
        until = transaction.now + timedelta(seconds=arguments["seconds"])
        transaction.put(_CLAIM, 1, {"claimed_by": arguments["instance"], "claimed_until": until})
    return ()


async def _page(transaction: Transaction, arguments: Arguments) -> Rows:
    claim = transaction.get(_CLAIM, 1)
    if claim is None or claim["claimed_by"] != arguments["instance"]:
        return []
    due = [row for _, row in sorted(transaction.all("outgoing")) if _is_due(row, transaction.now)]
    if not due:
        await transaction.lock(_CLAIM, 1)
        transaction.put(_CLAIM, 1, claim | {"claimed_by": None})
    return [(row["id"], *row["names"], row["body"]) for row in due[: arguments["limit"]]]


async def _claimed_by_another(transaction: Transaction, arguments: Arguments) -> Rows:
    claim = transaction.get(_CLAIM, 1)
    is_another = claim is not None and claim["claimed_by"] not in (None, arguments["instance"])
    left = (claim["claimed_until"] - transaction.now).total_seconds() if claim is not None and is_another else 0
    return [(max(left, 0),)]


async def _delete(transaction: Transaction, arguments: Arguments) -> Rows:
    for key in keys(arguments, "ids"):
        if await transaction.lock("outgoing", key) is not None:
            transaction.delete("outgoing", key)
    return ()


async def _postpone(transaction: Transaction, arguments: Arguments) -> Rows:
    retry_at: Any = transaction.now + timedelta(seconds=arguments["seconds"])
    for key in keys(arguments, "ids"):
        if await transaction.lock("outgoing", key) is not None:
            transaction.change("outgoing", key, retry_at=retry_at)
    return ()


STATEMENTS: Final = {
    b"send_outgoing": _send,
    outgoing.claim("").statement.name: _claim,
    outgoing.page("", limit=1).statement.name: _page,
    outgoing.claimed_by_another("").statement.name: _claimed_by_another,
    outgoing.delete([]).statement.name: _delete,
    outgoing.postpone([], by=_KEPT).statement.name: _postpone,
}
