"""From the broker to the database: take a batch, record it, acknowledge it.

A batch is acknowledged only after its commit, or once it is in the journal. So whatever dies in between, the broker or the journal
still has the batch. A message that the database refuses, or on which the gateway itself fails, is found and rejected alone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
from loguru import logger

from parking_gateway import chirpstack
from parking_gateway.broker.inbox import is_heavy
from parking_gateway.broker.link import Link
from parking_gateway.broker.message import Message
from parking_gateway.broker.routes import Routes
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui, Reason
from parking_gateway.core.installation import Installation
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder, NotAsked
from parking_gateway.intake import net
from parking_gateway.intake.bounds import Bounds
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.keeping import recorded_or_kept
from parking_gateway.intake.lanes import Done, ended, is_small, lanes
from parking_gateway.intake.read import Batch, dead_letter, read, received
from parking_gateway.intake.record import record
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store import installations
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience, StopRequested, TakesNothing

Commit = Callable[[Sequence[Message]], Coroutine[Any, Any, None]]
"""Takes messages that are no events. They are acknowledged when it returns. Raises MqttError or StopRequested only."""
_RECORDING: Final = "recording a batch"
"""The purpose of the search for faulty messages too, because the drain repeats the first and not always the second."""


class Repeats(msgspec.Struct):
    """Whether the last batch held uplinks that were recorded already. Then the next one probably holds some too."""

    are_likely: bool = False


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """The one way in. `taken` and `settled` frame every batch; `report` is called with every commit."""

    database: Database
    decoder: Decoder
    guests: Guests | None = None
    """None: all codecs are ours, and none decodes beforehand."""
    limits: chirpstack.Limits
    batch_size: int
    timeout: timedelta
    """For one attempt at one batch, from the first statement to the commit."""
    patience: Patience
    announce_every: timedelta
    """How often a device that only goes on living is published again."""
    clock: WallClock
    taken: Callable[[Sequence[Message]], None]
    settled: Callable[[], None]
    report: Callable[[Committed], None]
    elsewhere: Sequence[tuple[str, Commit]] = ()
    """Topic filters of messages that are no events, and what takes those messages."""
    journal: Journal | None = None
    """Takes what the database does not take. None: a batch is tried until the database takes it."""
    bounds: Bounds | None = None
    """Of new devices and rejections. None: there are none."""
    is_awaited: Callable[[], bool] = lambda: False
    """Whether changes are published as soon as they are committed. Then a small batch also reads the rows that it has changed."""
    repeats: Repeats = msgspec.field(default_factory=Repeats)

    async def run(self, link: Link) -> None:
        """Work until the link stops receiving. Raises when it is lost, or has to be made anew."""
        routes: Routes[Commit | None] = Routes(self.elsewhere, otherwise=None)
        async with asyncio.TaskGroup() as group:
            ends: list[Done] = []  # of the lanes, so far
            before: Done | None = None
            is_alone = False
            async for messages in link.batches(limit=self.batch_size):
                was_alone, is_alone = is_alone, is_heavy(messages)
                if before is not None and (was_alone or is_alone):
                    await before
                events: Sequence[Message] = ()
                for commit, routed in routes.sort(messages):
                    if commit is None:
                        events = routed
                    else:
                        group.create_task(_acknowledge_apart(link, commit, routed))
                self.taken(events)
                if events:
                    ends = self._begin_lanes(group, events, ends)
                current = group.create_task(self._acknowledge(link, events, ends, before))
                # Two batches at a time: while PostgreSQL works on one, the other is read. Behind a small one, which is read at
                # once, a second would only wait, and its messages would wait for two transactions.
                if before is not None:
                    await before
                if is_small(messages):
                    await current
                before = current
        link.refill()

    def _begin_lanes(self, group: asyncio.TaskGroup, events: Sequence[Message], ends: Sequence[Done]) -> list[Done]:
        """Commit the events in lanes, each behind the lane of the batch before it. Returns the ends of the new lanes."""
        parts = [events] if self.journal is not None and self.journal.is_used else lanes(events)
        if len(parts) == len(ends):
            return [group.create_task(self.commit(part, [end])) for part, end in zip(parts, ends, strict=True)]
        return [group.create_task(self.commit(part, ends)) for part in parts]

    async def _acknowledge(
        self, link: Link, messages: Sequence[Message], ends: Sequence[Done], before: Done | None
    ) -> None:
        """When all events of the batch are committed and the batch before it is acknowledged."""
        for earlier in (*ends, before) if before else ends:
            await earlier
        link.acknowledge(messages)
        self.settled()

    async def commit(self, messages: Sequence[Message], after: Sequence[Done] = ()) -> None:
        """Record the messages after these lanes, or keep them in the journal while the database takes nothing."""
        if self.journal is None:
            await self._record(messages, after)
        else:
            recording = partial(self._record, messages, after)
            await recorded_or_kept(recording, messages, after=after, journal=self.journal, received_at=self.clock())

    async def _record(self, messages: Sequence[Message], after: Sequence[Done] = ()) -> None:
        """Record the messages after these lanes. Whatever fails, every message is recorded or rejected in the end.

        With a journal, it raises `TakesNothing` if the database takes nothing, or if the lanes have used the journal.
        """
        now = self.clock()
        decoder = self.decoder if self.guests is None else None
        try:
            batch = read(messages, received_at=now, limits=self.limits)
            batch.may_repeat = self.repeats.are_likely or any(message.is_redelivered for message in messages)
            decoder = await self._with_guest_readings(batch)
            await ended(after)
            if self.journal is not None and self.journal.is_used:
                raise TakesNothing  # noqa: TRY301 - an earlier batch is in the journal, which this one must not overtake
            committed = await self._until_recorded(batch, decoder)
        except (StopRequested, TakesNothing):
            raise
        except NotAsked:  # an installation was changed since the guests decoded
            await self._record(messages)
        except Exception as fault:  # noqa: BLE001 - a message must not be able to end the process, whatever the bug
            await self._set_aside(messages, now, fault, decoder)
        else:
            self.repeats.are_likely = committed.duplicates > 0
            self.report(committed)

    async def attempt(self, batch: Batch, decoder: Decoder) -> Committed:
        """Record the batch: one transaction, tried once."""
        with self.bounds.share(batch.received_at) if self.bounds else nullcontext() as share:
            async with asyncio.timeout(self.timeout.total_seconds()), self.database.connect() as connection:
                try:
                    return await record(
                        connection,
                        batch,
                        decoder=decoder,
                        announce_every=self.announce_every,
                        share=share,
                        reads_changed=is_small(batch.messages) and self.is_awaited(),
                    )
                finally:
                    batch.may_repeat = True  # the commit may have come through, though its answer has not

    @property
    def _within(self) -> float | None:
        """Seconds for which the database may take nothing. None: as the patience has it."""
        return None if self.journal is None else self.journal.after.total_seconds()

    async def _until_recorded(self, batch: Batch, decoder: Decoder, *, has_net: bool = True) -> Committed:
        """Attempts until the database takes the batch."""
        clock = asyncio.get_running_loop().time
        began = clock()
        attempt = partial(self.attempt, batch, decoder)
        committed = await self.patience(
            attempt, purpose=_RECORDING, has_net=has_net, within=self._within, is_repeated=True
        )
        return msgspec.structs.replace(committed, seconds=clock() - began)

    async def _with_guest_readings(self, batch: Batch) -> Decoder:
        """A decoder with the readings of guests, which decode before a transaction begins, while the event loop goes on."""
        if self.guests is None or not batch.messages:
            return self.decoder
        devices = {uplink.device.dev_eui for uplink in batch.uplinks if uplink.f_port != 0}
        asking = partial(self._installed, devices)
        installed = await self.patience(
            asking, purpose="looking up which codecs to ask", within=self._within, is_repeated=True
        )
        return await self.guests.decoder_for(batch.uplinks, installed)

    async def _installed(self, devices: set[DevEui]) -> list[Installation]:
        async with asyncio.timeout(self.timeout.total_seconds()), self.database.connect() as connection:
            (installed,) = await connection.commit_together(installations.of_devices(devices))
            return installed

    async def _set_aside(
        self, messages: Sequence[Message], now: datetime, fault: Exception, decoder: Decoder | None
    ) -> None:
        """Reject the messages at fault, each alone, and record all others."""
        faults = {0: fault} if len(messages) == 1 else await self._faults(messages, now, decoder)
        if not faults:
            middle = len(messages) // 2
            await self._record(messages[:middle])
            await self._record(messages[middle:])
            return
        rejections = {place: net.rejection(one) for place, one in faults.items()}
        bugs = [faults[place] for place, one in rejections.items() if one.reason is Reason.GATEWAY_FAILED]
        if bugs:
            # The error of the batch has a traceback. The errors of the search have none.
            bug = fault if net.rejection(fault).reason is Reason.GATEWAY_FAILED else bugs[0]
            logger.opt(exception=bug).bind(messages=len(bugs)).error(
                "A mistake of the gateway's: messages that it cannot record are rejected; please report it"
            )
        rejected = Batch(
            received_at=now,
            received=received([messages[place] for place in faults]),
            dead_letters=[dead_letter(messages[place], one, now) for place, one in rejections.items()],
        )
        # Without the net: the cause of a failure is not in the message any more, and to raise would end the process.
        self.report(await self._until_recorded(rejected, self.decoder, has_net=False))
        if others := [message for place, message in enumerate(messages) if place not in faults]:
            await self._record(others)

    async def _faults(self, messages: Sequence[Message], now: datetime, decoder: Decoder | None) -> net.Faults:
        """Why messages cannot be recorded, by their places. Empty where the search finds none: the batch has to be halved.

        It finds none if each message could be recorded alone and only their combination fails, or if it fails itself.
        """
        if decoder is None:
            return {}
        search = partial(self._search, messages, now, decoder)
        try:
            faults = await self.patience(
                search, purpose=_RECORDING, has_net=True, within=self._within, is_repeated=True
            )
        except (StopRequested, TakesNothing):
            raise
        except Exception:  # noqa: BLE001 - as above; the message that is left at the end gets the reason
            return {}
        return {} if any(isinstance(one, NotAsked) for one in faults.values()) else faults

    async def _search(self, messages: Sequence[Message], now: datetime, decoder: Decoder) -> net.Faults:
        async with asyncio.timeout(self.timeout.total_seconds()), self.database.connect() as connection:
            return await net.faults(
                connection,
                messages,
                read=partial(read, received_at=now, limits=self.limits),
                decoder=decoder,
                announce_every=self.announce_every,
            )


async def _acknowledge_apart(link: Link, commit: Commit, messages: Sequence[Message]) -> None:
    """Let messages that are no events be committed and acknowledged by themselves. So no event waits for one of them."""
    with suppress(StopRequested):
        await commit(messages)
        link.acknowledge_apart(messages)
