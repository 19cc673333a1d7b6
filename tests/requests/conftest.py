"""A requester: asks in a transaction of its own, as the gateway and the command line do."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.requests.answering import answer
from parking_gateway.requests.desk import Answer, Desk, Refusal
from parking_gateway.store.pipeline import PipelinedConnection
from tests.events import NOON

Ask = Callable[..., Awaitable[Answer | Refusal]]
"""Called with a verb and its parameters as keywords. `now` is noon, unless it is given as `at`."""


@pytest.fixture
def ask(engine: AsyncEngine) -> Ask:
    """Asks as anna."""

    async def ask(verb: str, /, *, at: datetime = NOON, **parameters: Any) -> Answer | Refusal:
        async with engine.connect() as connection:
            pipelined = PipelinedConnection(connection)
            desk = Desk(connection=pipelined, now=at, by="anna", decoder=Decoder())
            outcome = await answer(desk, verb, parameters)
            if isinstance(outcome, Answer):
                await pipelined.commit_together()
            return outcome

    return ask
