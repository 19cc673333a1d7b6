"""From the broker to the database: take a batch, make it part of the database, acknowledge it.

Nothing is acknowledged before it is committed, so whatever dies in between, the broker still has it. A batch is tried
until the database takes it. What the database refuses because of its content is found by halving, and rejected alone.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from parking_gateway import chirpstack
from parking_gateway.broker.link import Link
from parking_gateway.broker.message import Message
from parking_gateway.decoding import Decoder
from parking_gateway.recording import Interpreted, Outcome, dead_letter, interpret, record
from parking_gateway.store.engine import Engine, Refused
from parking_gateway.store.patience import Patience
from parking_gateway.uplink import Reason, Rejection

Done = asyncio.Task[None]

_LANES: Final = 2
_SMALLEST_LANE: Final = 50
"""Messages."""


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """The one way in. `taken` and `settled` frame every batch; `report` is told what a transaction has committed."""

    engine: Engine
    decoder: Decoder
    limits: chirpstack.Limits
    batch_size: int
    timeout: timedelta
    """For one attempt at one batch, from the first statement to the commit."""
    patience: Patience
    announce_every: timedelta
    """How often a device that only goes on living is published again."""
    taken: Callable[[], None]
    settled: Callable[[], None]
    report: Callable[[Outcome], None]

    async def run(self, link: Link) -> None:
        """Work until the link stops receiving. Raises when it is lost."""
        async with asyncio.TaskGroup() as group:
            ends: list[asyncio.Task[None]] = []  # of the lanes, so far
            before: asyncio.Task[None] | None = None
            async for batch in link.batches(limit=self.batch_size):
                self.taken()
                parts = lanes(batch)
                if len(parts) == len(ends):
                    ends = [group.create_task(self._commit(part, [end])) for part, end in zip(parts, ends, strict=True)]
                else:
                    ends = [group.create_task(self._commit(part, ends)) for part in parts]
                current = group.create_task(self._acknowledge(link, batch, ends, before))
                # Two batches at a time: while PostgreSQL works on one, the other is read.
                if before is not None:
                    await before
                before = current

    async def _acknowledge(
        self, link: Link, batch: Sequence[Message], ends: Sequence[Done], before: Done | None
    ) -> None:
        """When all of the batch is committed and the batch before it is acknowledged."""
        for earlier in (*ends, before) if before else ends:
            await earlier
        link.acknowledge(batch)
        self.settled()

    async def _commit(self, part: Sequence[Message], after: Sequence[Done] = ()) -> None:
        received_at = datetime.now(UTC)
        found = interpret(part, received_at=received_at, limits=self.limits)
        for earlier in after:
            await earlier
        try:
            self.report(await self._record(found, received_at))
        except Refused as refusal:
            await self._find_refused(part, received_at, refusal)

    async def _find_refused(self, batch: Sequence[Message], received_at: datetime, refusal: Refused) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._commit(batch[:middle])
            await self._commit(batch[middle:])
            return
        (message,) = batch
        rejection = Rejection(reason=Reason.INVALID, detail=f"PostgreSQL refuses it: {refusal}")
        letter = dead_letter(message, rejection, received_at)
        self.report(await self._record(Interpreted(dead_letters=[letter]), received_at))

    async def _record(self, found: Interpreted, now: datetime) -> Outcome:
        began = time.monotonic()
        outcome = await self.patience(partial(self._try_to_record, found, now), purpose="recording a batch")
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _try_to_record(self, found: Interpreted, now: datetime) -> Outcome:
        async with asyncio.timeout(self.timeout.total_seconds()), self.engine.connect() as connection:
            return await record(connection, found, decoder=self.decoder, now=now, announce_every=self.announce_every)


def lanes(batch: Sequence[Message]) -> list[Sequence[Message]]:
    """The batch in transactions that run beside each other: one is read and folded while PostgreSQL works on another.

    What is said of one device (on topics that differ in the event alone) is always in the same lane and in its order, so
    that no step of a space is passed over. A small batch is one lane, which waits for all: a second commit would cost
    more than it gains.
    """
    if len(batch) < _LANES * _SMALLEST_LANE:
        return [batch]
    found: list[list[Message]] = [[] for _ in range(_LANES)]
    for message in batch:
        found[hash(message.topic.rpartition("/")[0]) % _LANES].append(message)
    return list(found)
