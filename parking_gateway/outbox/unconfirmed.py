"""Pages that the broker has confirmed, until their confirmation is in the database.

While one confirmation is written, and for a short while after its beginning, pages are collected for the next one: it costs as much
as the transaction of an uplink, and nobody waits for it. So many changes of one space are confirmed once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Final

from parking_gateway.outbox.pages import PAGE, Page

_EVERY: Final = 0.02
"""Seconds from the beginning of a confirmation to that of the next one, if nobody waits for it."""


class Unconfirmed:
    """Those of one outbox."""

    def __init__(self, write: Callable[[list[Page]], Awaitable[None]]) -> None:
        """`write` confirms pages of one kind in the database."""
        self._write = write
        self._pages: list[Page] = []
        self.versions: dict[int | str, int] = {}
        """Of the rows that wait, by their keys."""
        self.written: Mapping[int | str, int] = {}
        """Of the rows of the last confirmation."""
        self.writing: Collection[int | str] = ()
        """The keys of the rows whose confirmation is being written."""
        self._something = asyncio.Event()
        self._hurry = asyncio.Event()
        self._ended = asyncio.Event()

    def forget(self) -> None:
        """Have no page: the link over which they were published is lost."""
        self._pages, self.versions, self.writing = [], {}, ()
        self._something.clear()

    async def add(self, page: Page) -> None:
        """Confirm this page soon. Waits for others of another kind, or if they are too many."""
        if not page.rows:
            return
        if self._pages and (self._pages[0].kind is not page.kind or len(self.versions) >= PAGE):
            await self.ended()
        self._pages.append(page)
        self.versions |= {row.key: row.version for row in page.rows}
        self._something.set()
        if len(self.versions) >= PAGE:
            self._hurry.set()

    async def ended(self) -> None:
        """Return when all of them are confirmed in the database."""
        while self._pages or self.writing:
            self._ended.clear()
            self._hurry.set()
            await self._ended.wait()

    async def run(self) -> None:
        """Confirm until cancelled."""
        clock = asyncio.get_running_loop().time
        next_at = 0.0
        while True:
            await self._something.wait()
            if clock() < next_at:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(next_at):
                        await self._hurry.wait()
            next_at = clock() + _EVERY
            self._hurry.clear()
            self._something.clear()
            pages, self._pages = self._pages, []
            self.written, self.versions = self.versions, {}
            self.writing = self.written.keys()
            await self._write(pages)
            self.writing = ()
            self._ended.set()
