"""Rejected messages, tried again: recorded the ordinary way, or their recorded uplinks decoded.

A message that could not be recorded is read and recorded as if it came now, but with its own time of receipt. An uplink that was
recorded and not decoded is replayed with its device. A rejection that succeeded is deleted in the same transaction.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.events import DevEui, Rejection
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder, NotAsked
from parking_gateway.intake import net
from parking_gateway.intake.decide import decide
from parking_gateway.intake.read import Batch, read
from parking_gateway.intake.record import additions, codecs_of, lock_spaces_of, snapshots_of, statements
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.register.replay.stored import Replayer
from parking_gateway.store import dead_letters, installations
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.dead_letters import Kept, ListedRejection, Wanted
from parking_gateway.store.query import waits

PAGE: Final = 500
"""Rejections of a page. Their payloads are in memory, 256 kB each at most as configured."""


class Retried(msgspec.Struct, kw_only=True):
    """The outcome of a retry."""

    recorded: int = 0
    remaining: Counter[str] = msgspec.field(default_factory=Counter)
    """Rejections that remain, by their new reasons."""
    transitions: int = 0

    @property
    def total(self) -> int:
        """All rejections that were tried."""
        return self.recorded + self.remaining.total()


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Tries rejections again, a page at a time."""

    database: Database
    guests: Guests
    limits: chirpstack.Limits
    announce_every: timedelta
    clock: WallClock
    advance: Callable[[int], None] = lambda _: None
    """Called with the number of rejections so far."""

    async def retry(self, wanted: Wanted, *, limit: int | None = None) -> Retried:
        """Try the first `limit` of the wanted rejections again, by id."""
        retried, left, after = Retried(), limit, wanted.after
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            async with self.database.connect() as connection:
                (page,) = await connection.together(
                    dead_letters.page(msgspec.structs.replace(wanted, after=after), limit=size)
                )
                (stored,) = await connection.commit_together(dead_letters.stored(one.id for one in page))
            await self._try(page, stored, retried)
            self.advance(retried.total)
            if len(page) < size:
                break
            after, left = page[-1].id, None if left is None else left - len(page)
        return retried

    async def _try(
        self, page: Sequence[ListedRejection], stored: Sequence[dead_letters.Stored], retried: Retried
    ) -> None:
        recorded = {one.id for one in stored}
        apart = [one for one in page if one.id not in recorded]
        retried.remaining += Counter(one.reason for one in apart if not one.is_whole)
        await self._until_recorded([one for one in apart if one.is_whole], retried)
        since: dict[DevEui, datetime] = {}
        for one in stored:
            since[one.dev_eui] = min(one.heard_at, since.get(one.dev_eui, one.heard_at))
        if not since:
            return
        replayer = Replayer(database=self.database, guests=self.guests, clock=self.clock, only=recorded)
        result = await replayer.replay(since)
        async with self.database.connect() as connection:
            # Not those of the replay, which leaves out devices that watch no space any more.
            (reasons,) = await connection.commit_together(dead_letters.reasons(recorded))
        retried.recorded += result.recorded
        retried.remaining += Counter(reasons)
        retried.transitions += result.replayed.transitions

    async def _until_recorded(self, letters: Sequence[ListedRejection], retried: Retried) -> None:
        """Record the messages that can be recorded, one after the other.

        Each in a transaction of its own, which locks as the intake does: the spaces, then the uplink. Two messages in one
        transaction would lock a space after an uplink, and could deadlock with the intake.
        """
        left = list(letters)
        while left:
            async with self.database.connect() as connection:
                decoder = await self._with_guest_readings(connection, map(self._read, left))
                try:
                    while left:
                        await self._retry(connection, left[0], decoder, retried)
                        del left[0]
                except NotAsked:  # an installation was changed since the guests decoded
                    continue

    async def _retry(self, connection: Connection, letter: ListedRejection, decoder: Decoder, retried: Retried) -> None:
        refusal = await self._fault(connection, letter, decoder)
        await connection.rollback()
        (present,) = await connection.together(dead_letters.lock([letter.id]))
        if not present:  # another retry was faster
            await connection.rollback()
            return
        batch = self._read(letter)
        steps = 0
        if refusal is None:
            refusal, steps = await self._record(connection, batch, decoder)
        if refusal is None:
            await connection.commit_together(dead_letters.delete([letter.id]), waits())
            retried.recorded += 1
        else:
            uplink = next(iter(batch.uplinks), None)
            named = (uplink.device.dev_eui, uplink.deduplication_id) if uplink else ()
            await connection.commit_together(dead_letters.keep([Kept(letter.id, refusal, *named)]), waits())
            retried.remaining[refusal.reason] += 1
        retried.transitions += steps

    def _read(self, letter: ListedRejection) -> Batch:
        return read([_message(letter)], received_at=letter.received_at, limits=self.limits)

    async def _with_guest_readings(self, connection: Connection, batches: Iterable[Batch]) -> Decoder:
        """A decoder with the readings of guests, which decode before the transaction begins."""
        uplinks = [uplink for batch in batches for uplink in batch.uplinks]
        (installed,) = await connection.commit_together(
            installations.of_devices({uplink.device.dev_eui for uplink in uplinks})
        )
        return await self.guests.decoder_for(uplinks, installed)

    async def _fault(self, connection: Connection, letter: ListedRejection, decoder: Decoder) -> Rejection | None:
        """Why PostgreSQL or the gateway itself cannot record the message. Nothing is kept of the trial."""
        faults = await net.faults(
            connection,
            [_message(letter)],
            read=partial(read, received_at=letter.received_at, limits=self.limits),
            decoder=decoder,
            announce_every=self.announce_every,
        )
        for fault in faults.values():
            if isinstance(fault, NotAsked):
                raise fault
            return net.rejection(fault)
        return None

    async def _record(self, connection: Connection, batch: Batch, decoder: Decoder) -> tuple[Rejection | None, int]:
        """Record one message up to the commit. Returns why it is still rejected, and the number of steps."""
        for letter in batch.dead_letters:
            return letter.rejection, 0
        new, locked = await lock_spaces_of(connection, batch)
        snapshots = await snapshots_of(connection, new, locked)
        decision = decide(batch, new, locked, decoder=decoder)
        numbered = await codecs_of(connection, decision)
        # Without rejections, because its own exists.
        changes = statements(batch, decision, locked, snapshots, rejected=(), announce_every=self.announce_every)
        if changes := [*additions(decision, numbered), *changes]:
            await connection.together(*changes)
        refusals = [letter.rejection for letter in decision.rejected]
        return (refusals[0] if refusals else None), len(decision.turn.steps)


def _message(letter: ListedRejection) -> Message:
    return Message(letter.topic, letter.message, mid=0, qos=1, is_redelivered=False)
