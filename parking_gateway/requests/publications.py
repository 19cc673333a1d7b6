"""Verbs about what is published."""

import msgspec

from parking_gateway.requests.desk import Answer, Desk, Refusal
from parking_gateway.requests.verbs import verb
from parking_gateway.store import confirmations, due


class Republish(msgspec.Struct, frozen=True, kw_only=True):
    """Publish everything that is retained again."""


@verb("state/republish", Republish)
async def republish(desk: Desk, _: Republish) -> Answer | Refusal:
    """Publish all retained messages of the car park again."""
    *_before, number = await desk.connection.together(*confirmations.all_again(), due.count())
    return Answer({"due": number})
