"""From the journal to the database: batches from its head are committed, and deleted only then.

A crash between the two delivers a batch twice, as a broker does.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from parking_gateway.broker.message import Message
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.lanes import lanes
from parking_gateway.intake.loop import Intake


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """The one way out of the journal."""

    journal: Journal
    intake: Intake
    """One without a journal: it tries a batch until the database takes it."""

    async def run(self) -> None:
        """Work until cancelled. Raises `StopRequested` if the gateway stops while the database is away."""
        # The commit of these may be in the database, if the gateway died before it had deleted them.
        is_redelivered = True
        while True:
            entries = await self.journal.head(self.intake.batch_size)
            if not entries:
                self.journal.drained()
                await self.journal.filled()
                is_redelivered = False
                continue
            messages = [message for _, message in entries]
            if is_redelivered:
                messages = [msgspec.structs.replace(message, is_redelivered=True) for message in messages]
            await self._commit(messages)
            await self.journal.remove(entries[-1][0])
            is_redelivered = False

    async def _commit(self, messages: Sequence[Message]) -> None:
        async with asyncio.TaskGroup() as group:
            for part in lanes(messages):
                group.create_task(self.intake.commit(part))
