"""The live changes for every watcher: one reader of the database for all of them, and only while somebody watches."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from parking_gateway.store import changes
from parking_gateway.store.patience import DatabaseUnusable
from parking_gateway.web.changes import MOST, Changes, Event, Memory, changes_since
from parking_gateway.web.cursor import Cursor, cursor_at
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.shown_health import ShownHealth
from parking_gateway.web.shown_others import ShownOthers, others_event
from parking_gateway.web.watcher import AGAIN, Watcher, chunks_of

_LOOK_SECONDS: Final = 1.0
"""Between two looks for changes of other gateways and of commands."""
_REST_SECONDS: Final = 0.2
"""Between two looks under load."""
_REST_SHARE: Final = 4
"""The rest after a look is at least so many times as long as the look. So watchers take a fifth of a core at most."""
_LONGEST_REST_SECONDS: Final = 2.0
"""A look can take long because the database does."""
_BEAT_SECONDS: Final = 10.0
_BEGIN: Final = b"retry: 2000\n\n"


class Feed:
    """The changes, and everybody who watches them."""

    def __init__(self, desk: WebDesk) -> None:
        self._desk = desk
        self._present: set[Watcher] = set()
        """All watchers."""
        self._following: set[Watcher] = set()
        """Those that know everything up to the cursor."""
        self._somebody = asyncio.Event()
        self._wake = asyncio.Event()
        self._reading = asyncio.Lock()
        """Readings follow one another, so that nobody is sent an older state of a row behind a newer one."""
        self._cursor: Cursor | None = None
        self._memory = Memory()
        self._health = ShownHealth(desk)
        self._others = ShownOthers()
        self._is_over = False

    def changed(self) -> None:
        """Something was committed here."""
        if self._following:
            self._wake.set()

    def end(self) -> None:
        """End all streams, because the gateway stops."""
        self._is_over = True
        for watcher in self._present:
            watcher.end()

    @property
    def has_room(self) -> bool:
        """Whether one more may watch."""
        return not self._is_over and len(self._present) < self._desk.config.web.watchers

    async def stream(self, since: Cursor | None) -> AsyncIterator[bytes]:
        """What one watcher is sent, from this cursor on. None: it has no picture yet."""
        with self._watching() as watcher:
            yield _BEGIN + self._health.event().text
            while not await self._caught_up(watcher, since):
                if await watcher.next(_LOOK_SECONDS) is None:
                    return
                yield self._health.event().text
            while (chunk := await watcher.next(_BEAT_SECONDS)) is not None:
                yield chunk or self._beat()

    async def run(self) -> None:
        """Look for changes while somebody watches, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._show_health())
            group.create_task(self._show_changes())

    async def _show_health(self) -> None:
        # By itself, because the database may not answer.
        while True:
            await self._somebody.wait()
            self._send([event.text for event in self._health.news()])
            await asyncio.sleep(_LOOK_SECONDS)

    async def _show_changes(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._somebody.wait()
            self._wake.clear()
            began = clock()
            await self._look()
            rest = min(max(_REST_SECONDS, _REST_SHARE * (clock() - began)), _LONGEST_REST_SECONDS)
            await asyncio.sleep(rest)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, _LOOK_SECONDS - rest)):
                    await self._wake.wait()

    @contextmanager
    def _watching(self) -> Iterator[Watcher]:
        watcher = Watcher()
        self._present.add(watcher)
        self._somebody.set()
        try:
            yield watcher
        finally:
            self._present.discard(watcher)
            self._following.discard(watcher)
            if not self._present:
                self._somebody.clear()
                self._cursor, self._memory = None, Memory()

    async def _caught_up(self, watcher: Watcher, since: Cursor | None) -> bool:
        """Whether the watcher is sent everything behind its cursor. Else the database is away."""
        async with self._reading:
            try:
                found = await self._since(since)
            except DatabaseUnusable:
                return False
            if self._cursor is None:
                self._cursor = found.cursor
            events = None if found.is_cut or found.events is None else [*found.events, others_event(found.others)]
            watcher.put(_chunks(events, found.cursor))
            self._following.add(watcher)
            return True

    async def _since(self, cursor: Cursor | None) -> Changes:
        if cursor is not None:
            return await changes_since(self._desk, cursor)
        (now,) = await self._desk.read(changes.moment())
        return Changes(events=None, cursor=cursor_at(now))

    async def _look(self) -> None:
        async with self._reading:
            if self._cursor is None:
                return
            with suppress(DatabaseUnusable):  # the next look reads the same changes
                found = await changes_since(self._desk, self._cursor)
                chunks = _chunks(self._new(found), found.cursor)
                self._cursor = found.cursor
                self._send(chunks)

    def _send(self, chunks: Sequence[bytes]) -> None:
        for watcher in self._following if chunks else ():
            watcher.put(chunks)

    def _new(self, found: Changes) -> Sequence[Event] | None:
        """The events that are not known yet. None: some of them may be missing."""
        if found.events is None:
            return None
        events = [*self._memory.new(found.events)]
        if found.is_cut and len(events) >= MOST:
            return None
        return [*events, *self._others.news(found.others, self._desk.clock())]

    def _beat(self) -> bytes:
        """Shows a browser that the connection lasts, and the present cursor."""
        cursor = b"" if self._cursor is None else b"id: %b\n" % str(self._cursor).encode()
        return b"event: beat\n%bdata: {}\n\n" % cursor


def _chunks(events: Sequence[Event] | None, cursor: Cursor) -> list[bytes]:
    """The events as a browser gets them. Only the last one has the cursor, because the connection may end before it."""
    if events is None:
        return [AGAIN]
    texts = [event.text for event in events]
    if texts:
        texts[-1] = b"id: %b\n%b" % (str(cursor).encode(), texts[-1])
    return chunks_of(texts)
