"""From the broker to the database: take a batch, make it part of the database, acknowledge it.

Nothing is acknowledged before it is committed, so whatever dies in between, the broker still has it. A batch is tried
until the database takes it. A message that the database refuses, or on which the gateway itself fails, is found and
rejected alone.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec
from loguru import logger

from parking_gateway import chirpstack
from parking_gateway.broker.link import Link
from parking_gateway.broker.message import Message
from parking_gateway.core.events import Reason, Rejection, Uplink
from parking_gateway.decoding.decoder import Decoder, NotAsked
from parking_gateway.decoding.questioning import Guests, Questions
from parking_gateway.intake import sifting
from parking_gateway.intake.recording import Interpreted, Outcome, dead_letter, decide, interpret, kinds_of, record
from parking_gateway.store import installations
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience, Refused, StopRequested
from parking_gateway.store.verdicts import FAILURES, Verdict, answer_of

Done = asyncio.Task[None]

_LANES: Final = 2
_SMALLEST_LANE: Final = 50
"""Messages."""


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """The one way in. `taken` and `settled` frame every batch; `report` is told what a transaction has committed."""

    database: Database
    decoder: Decoder
    guests: Guests | None = None
    """None: no codec is anybody else's, and nothing is asked beforehand."""
    limits: chirpstack.Limits
    batch_size: int
    timeout: timedelta
    """For one attempt at one batch, from the first statement to the commit."""
    patience: Patience
    announce_every: timedelta
    """How often a device that only goes on living is published again."""
    taken: Callable[[Sequence[Message]], None]
    settled: Callable[[], None]
    report: Callable[[Outcome], None]

    async def run(self, link: Link) -> None:
        """Work until the link stops receiving. Raises when it is lost, or has to be made anew."""
        async with asyncio.TaskGroup() as group:
            ends: list[asyncio.Task[None]] = []  # of the lanes, so far
            before: asyncio.Task[None] | None = None
            async for batch in link.batches(limit=self.batch_size):
                self.taken(batch)
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
        link.refill()

    async def _acknowledge(
        self, link: Link, batch: Sequence[Message], ends: Sequence[Done], before: Done | None
    ) -> None:
        """When all of the batch is committed and the batch before it is acknowledged."""
        for earlier in (*ends, before) if before else ends:
            await earlier
        link.acknowledge(batch)
        self.settled()

    async def _commit(self, part: Sequence[Message], after: Sequence[Done] = ()) -> None:
        now = datetime.now(UTC)
        found = self._read(part, now)
        decoder: Decoder | None = None
        try:
            decoder = await self._ask_guests(part, found, now)
            for earlier in after:
                if not earlier.done():
                    await asyncio.wait({earlier})  # and not for what it raises, because of which all are cancelled
            if isinstance(found, Exception):
                raise found  # noqa: TRY301 - one net for all
            outcome = await self._record(found, now, decoder)
        except StopRequested:
            raise
        except NotAsked:  # an installation was changed since the guests were asked
            await self._commit(part)
        except Exception as fault:  # noqa: BLE001 - a message must not be able to end the process, whatever the bug
            await self._set_aside(part, now, fault, decoder)
        else:
            self.report(outcome)

    async def _ask_guests(self, part: Sequence[Message], found: Interpreted | Exception, now: datetime) -> Decoder:
        """A decoder that has the answers of guests, who are asked here: no transaction is open, and the event loop goes on."""
        if self.guests is None:
            return self.decoder
        read = [self._read([message], now) for message in part] if isinstance(found, Exception) else [found]
        uplinks = [uplink for one in read if isinstance(one, Interpreted) for _, uplink in one.uplinks.values()]
        if not uplinks:
            return self.decoder
        choices = partial(self._try_to_look_up, self.guests, uplinks)
        asked = await self.patience(choices, purpose="looking up which codecs to ask")
        return msgspec.structs.replace(self.decoder, answers=await self.guests.answers(asked))

    async def _try_to_look_up(self, guests: Guests, uplinks: Sequence[Uplink]) -> Questions:
        async with asyncio.timeout(self.timeout.total_seconds()), self.database.connect() as connection:
            devices = {uplink.device.dev_eui for uplink in uplinks if uplink.f_port != 0}
            (installed,) = await connection.commit_together(installations.of_devices(devices))
            return guests.choices(uplinks, installed)

    def _read(self, part: Sequence[Message], now: datetime) -> Interpreted | Exception:
        try:
            return interpret(part, received_at=now, limits=self.limits)
        except Exception as bug:  # noqa: BLE001 - as above
            return bug

    async def _set_aside(
        self, part: Sequence[Message], now: datetime, fault: Exception, decoder: Decoder | None
    ) -> None:
        """Reject what is at fault, alone, and record all else."""
        faults = {0: fault} if len(part) == 1 else await self._faults(part, now, decoder)
        if not faults:
            middle = len(part) // 2
            await self._commit(part[:middle])
            await self._commit(part[middle:])
            return
        rejections = {place: _rejection(one) for place, one in faults.items()}
        bugs = [faults[place] for place, one in rejections.items() if one.reason is Reason.GATEWAY_FAILED]
        if bugs:
            # The error of the batch has a traceback. Those of the search have none.
            bug = fault if _rejection(fault).reason is Reason.GATEWAY_FAILED else bugs[0]
            logger.opt(exception=bug).bind(messages=len(bugs)).error(
                "A mistake of the gateway's: messages that it cannot record are rejected; please report it"
            )
        letters = [dead_letter(part[place], one, now) for place, one in rejections.items()]
        kinds = kinds_of([part[place] for place in faults])
        # Without the net: whatever refuses a rejection is not in the message any more, and to raise would end the process.
        found = Interpreted(kinds=kinds, dead_letters=letters)
        self.report(await self._record(found, now, self.decoder, has_net=False))
        if others := [message for place, message in enumerate(part) if place not in faults]:
            await self._commit(others)

    async def _faults(self, part: Sequence[Message], now: datetime, decoder: Decoder | None) -> dict[int, Exception]:
        """Why messages cannot be recorded, by their places. Empty where the search finds none: the batch has to be halved.

        It finds none if each message could be recorded alone and only their combination fails, or if it fails itself.
        """
        if decoder is None:
            return {}
        try:
            faults = await self.patience(
                partial(self._try_to_sift, part, now, decoder), purpose="finding what is refused", has_net=True
            )
        except StopRequested:
            raise
        except Exception:  # noqa: BLE001 - as above; what is wrong will be said of the message that is left
            return {}
        return {} if any(isinstance(one, NotAsked) for one in faults.values()) else faults

    async def _record(self, found: Interpreted, now: datetime, decoder: Decoder, *, has_net: bool = True) -> Outcome:
        began = time.monotonic()
        outcome = await self.patience(
            partial(self._try_to_record, found, now, decoder), purpose="recording a batch", has_net=has_net
        )
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _try_to_record(self, found: Interpreted, now: datetime, decoder: Decoder) -> Outcome:
        async with asyncio.timeout(self.timeout.total_seconds()), self.database.connect() as connection:
            return await record(connection, found, decoder=decoder, now=now, announce_every=self.announce_every)

    async def _try_to_sift(self, part: Sequence[Message], now: datetime, decoder: Decoder) -> dict[int, Exception]:
        async with asyncio.timeout(self.timeout.total_seconds()), self.database.connect() as connection:
            return await sifting.faults(
                connection,
                part,
                interpret=partial(interpret, received_at=now, limits=self.limits),
                decide=partial(decide, decoder=decoder, now=now, announce_every=self.announce_every),
            )


def _rejection(fault: Exception) -> Rejection:
    answer = answer_of(fault) if isinstance(fault, FAILURES) else None
    said = answer.message if answer else str(fault)
    if isinstance(fault, Refused) or (answer and answer.verdict is Verdict.FAULT):
        return Rejection(reason=Reason.INVALID, detail=f"PostgreSQL refuses it: {said}")
    return Rejection(reason=Reason.GATEWAY_FAILED, detail=f"{type(fault).__name__}: {said}")


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
