"""Requests that an operator makes on the board: carried out by the same code as those over MQTT, and recorded like them."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from parking_gateway.requests.answering import answer
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.store import requests
from parking_gateway.store.patience import DatabaseUnusable, Refused, attempt
from parking_gateway.web.desk import WebDesk

VERBS: Final = frozenset(
    {
        "reservation/cancel",
        "reservation/create",
        "reservation/extend",
        "reservation/list",
        "space/acknowledge",
        "space/get",
        "space/maintenance",
        "space/release",
        "zone/maintenance",
    }
)
"""The work of an operator. Everything else is for the command line and for MQTT, whose broker knows who may ask."""
_CLIENT: Final = "board"
"""In the row of a request, where those over MQTT have the client id of the gateway."""


async def carry_out(desk: WebDesk, verb: str, parameters: Mapping[str, Any], *, operator: str) -> Answer | Refusal:
    """Carry it out once. If the database is away, nothing has happened, unless it went away during the commit."""
    if verb not in VERBS:
        return Refusal(Code.UNKNOWN_VERB, f"The board has no such request: it has {', '.join(sorted(VERBS))}")

    async def work() -> Answer | Refusal:
        within = desk.config.requests.timeout.total_seconds()
        async with asyncio.timeout(within), desk.database.connect() as connection:
            now = desk.clock()
            outcome = await answer(
                Desk(
                    connection=connection, now=now, by=operator, decoder=desk.decoder, downlinks=desk.config.downlinks
                ),
                verb,
                parameters,
            )
            if isinstance(outcome, Refusal):
                await connection.rollback()
            one = requests.Delivery(digest=uuid4(), mid=0, client=_CLIENT)
            await connection.commit_together(
                requests.record(one, verb=verb, by=operator, at=now, outcome=_word(outcome))
            )
            return outcome

    try:
        outcome = await attempt(work)
    except Refused as error:
        outcome = Refusal(Code.INVALID, f"PostgreSQL refuses a value: {error}")
    except DatabaseUnusable:
        desk.database.renew()
        outcome = Refusal(
            Code.UNAVAILABLE,
            "The database takes nothing now. Look whether it was carried out all the same, and ask again",
        )
    if isinstance(outcome, Answer):
        desk.report.committed(outcome.committed)
    desk.report.answered(verb, _word(outcome), operator)
    return outcome


def _word(outcome: Answer | Refusal) -> str:
    return outcome.code if isinstance(outcome, Refusal) else "ok"
