"""The journal: a local file for messages that the database does not take. They are acknowledged once they are in it.

While it is in use, every batch goes into it. `Drain` takes batches from its head and commits them. When it is empty, batches
go the ordinary way again. So the uplinks of one device are committed in the order of their arrival.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from loguru import logger

from parking_gateway.broker.message import Message
from parking_gateway.core.seldom import Seldom
from parking_gateway.intake.journal_entries import entry_of, message_of
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.journal_file import Depth, Failures, JournalEntry, JournalFile, is_damage

Result = TypeVar("Result")

_AGAIN_SECONDS: Final = 1.0
"""Seconds between two attempts to write into a full journal or onto a full disk, and to repair a failed deletion."""
_ROOM: Final = 100
"""A full journal is emptied of superseded uplinks by this part of its limit at a time, because the search reads all of them."""
_BATCH_BYTES: Final = 2 << 20
_DROPS_EVERY: Final = 60.0
"""Seconds between two warnings about dropped uplinks."""

_DROPS: Final = (
    "The journal is full, and uplinks of QoS 0 are dropped: bring the database back, raise journal.max_bytes, and set"
    " qos = 1 in chirpstack.toml"
)


class Journal:
    """The journal of one gateway. A thread of its own waits for the disk, one call after the other."""

    def __init__(
        self,
        file: JournalFile,
        *,
        after: timedelta,
        max_bytes: int,
        clock: WallClock,
        complain: Callable[[str, str | None], None],
    ) -> None:
        """`complain` is called with "journal" and the reason why it takes nothing; None: it takes messages."""
        self.is_used = True
        """Whether messages have to go into it. True until the drain has found it empty, with a database that answers."""
        self.after = after
        """For so long the database may take nothing before a batch goes into the journal."""
        self._file = file
        self._max_bytes = max_bytes
        self._clock = clock
        self._complain = complain
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._writing = 0
        self._is_drained = False
        """Whether the drain has found it empty once."""
        self._began: float | None = None
        """When it came into use; None: it is not in use."""
        self._kept = 0
        self._is_refused = False
        """Whether the last messages did not fit, or could not be written."""
        self._changed = asyncio.Event()
        self._drops = Seldom(_DROPS_EVERY)
        self._drops_logged = 0
        self._drops_seen = 0
        if file.depth.rows:
            self._began = self._loop.time()
            logger.bind(messages=file.depth.rows).info(
                "The journal holds messages of an earlier run; they are recorded first"
            )
        if file.set_aside is not None:
            self._damaged()

    def depth(self) -> Depth:
        """Its content, by its amount. For any thread."""
        return self._file.depth

    async def keep(self, messages: Sequence[Message], received_at: datetime, *, was_tried: bool = False) -> bool:
        """Write the messages behind all others. Returns whether they are durable now; if not, none of them is kept.

        If the database `was_tried`, their commit may be in it nevertheless. Then they count as delivered again.
        """
        entries = [entry_of(one, received_at, was_tried=was_tried) for one in messages]
        self._writing += 1
        self.is_used = True
        if self._began is None:
            self._began = self._loop.time()
            logger.warning("The database takes nothing: messages are kept in the journal")
        writing = self._loop.run_in_executor(self._thread, self._append, entries)
        # Counted when it is written, also if the caller is cancelled before: then the broker delivers the messages again.
        writing.add_done_callback(partial(self._written, len(entries)))
        refusal = await asyncio.shield(writing)
        self._complain("journal", refusal)
        return refusal is None

    def recorded(self) -> None:
        """Messages that it did not take are in the database now."""
        self._is_refused = False
        self._complain("journal", None)
        self._look()

    async def room(self) -> None:
        """Wait until something was removed, or until another attempt may succeed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_AGAIN_SECONDS):
                await self._changed.wait()

    async def filled(self) -> None:
        """Wait until there is something in it."""
        while not self.depth().rows:
            await self._changed.wait()

    async def head(self, limit: int) -> list[tuple[int, Message]]:
        """The oldest messages with their ids in the file."""
        entries = await self._done(partial(self._file.head, limit, limit_bytes=_BATCH_BYTES))
        return [(number, message_of(entry)) for number, entry in entries]

    async def remove(self, through: int) -> None:
        """Delete the messages up to this id, because they are committed. Tries until the disk takes it."""
        await self._done(partial(self._file.remove, through))
        self._look()

    def drained(self) -> None:
        """The drain has found it empty."""
        self._is_drained = True
        self._look()

    async def filters(self) -> frozenset[str]:
        """The subscriptions that were written here."""
        return await self._done(self._file.filters)

    async def remember_filters(self, filters: frozenset[str]) -> None:
        """Write down the subscriptions that the broker's session may hold."""
        await self._done(partial(self._file.remember_filters, filters))

    def close(self) -> None:
        """Finish what is being written, and close the file."""
        self._thread.shutdown()
        self._file.close()

    async def _done(self, work: Callable[[], Result]) -> Result:
        """Do the work in the thread, again until the disk takes it."""
        while True:
            try:
                return await self._loop.run_in_executor(self._thread, self._mended, work)
            except Failures as error:
                self._complain("journal", f"The journal cannot be used: {error}")
                await asyncio.sleep(_AGAIN_SECONDS)

    def _append(self, entries: Sequence[JournalEntry]) -> str | None:
        """In the thread. Returns why nothing was written, or None."""
        size = sum(one.size for one in entries)
        try:
            if self._lacks(size) > 0:
                self._mended(partial(self._file.drop_superseded, self._lacks(size) + self._max_bytes // _ROOM))
            if self._lacks(size) > 0:
                return (
                    "The journal is full, so events are not acknowledged: bring the database back, or raise"
                    " journal.max_bytes"
                )
            self._mended(partial(self._file.append, entries))
        except Failures as error:
            return f"The journal cannot be written, so events are not acknowledged ({error}): make room on its disk"
        return None

    def _lacks(self, size: int) -> int:
        return self._file.depth.bytes + size - self._max_bytes

    def _mended(self, work: Callable[[], Result]) -> Result:
        """Do the work; where the file is damaged, with a new one."""
        try:
            return work()
        except Failures as error:
            if not is_damage(error):
                raise
            self._file.begin_anew(self._clock())
            self._damaged()
            return work()

    def _damaged(self) -> None:
        sentence = (
            f"The journal was damaged and is set aside as {self._file.set_aside}: acknowledged events may be in it;"
            " sqlite3 and its command .recover can read it"
        )
        self._loop.call_soon_threadsafe(self._complain, "journal_damaged", sentence)

    def _written(self, messages: int, writing: "asyncio.Future[str | None]") -> None:
        self._writing -= 1
        if not writing.cancelled() and writing.exception() is None:
            self._is_refused = writing.result() is not None
            self._kept += 0 if self._is_refused else messages
        self._look()

    def _look(self) -> None:
        depth = self.depth()
        self.is_used = bool(self._writing or depth.rows or not self._is_drained)
        if not self.is_used and self._began is not None and not self._is_refused:
            seconds = round(self._loop.time() - self._began, 1)
            logger.bind(messages=self._kept, seconds=seconds, dropped=depth.dropped).info(
                "The journal is empty again: its messages are recorded"
            )
            self._began, self._kept = None, 0
            self._complain("journal", None)
            self._complain("journal_drops", None)
        if depth.dropped > self._drops_seen:
            self._drops_seen = depth.dropped
            self._complain("journal_drops", _DROPS)
        if depth.dropped > self._drops_logged and self._drops.is_due("", now=self._loop.time()):
            logger.bind(count=depth.dropped - self._drops_logged).warning(
                "The journal is full: uplinks of QoS 0 were dropped, each with a newer one of its device behind it"
            )
            self._drops_logged = depth.dropped
        self._changed.set()
        self._changed = asyncio.Event()
