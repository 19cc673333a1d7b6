"""From the database to the broker: publish what the broker does not know yet, and record what it confirmed.

There is no queue: what is due are the rows whose version is ahead of the confirmed one, so many changes of one space
become one message, and a restart loses nothing. Spaces that the intake changed are published at once; all rows are
looked through at the start and now and then, for what others changed. Zones and sites are counted once per interval.

What was confirmed is written down while the next page is read and published.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final

from loguru import logger

from parking_gateway.broker.link import Link
from parking_gateway.broker.reasons import PublicationRefused
from parking_gateway.config.sections import PublicationConfig
from parking_gateway.publication import publication
from parking_gateway.space import SpaceId
from parking_gateway.store import confirmations, due
from parking_gateway.store.due import Due, Kind
from parking_gateway.store.engine import Connection, Engine
from parking_gateway.store.patience import Patience
from parking_gateway.supervision import pause

PAGE: Final = 1000
"""Publications that are read, published and confirmed together."""
_REMEMBERED: Final = 50_000
"""Changed spaces, beyond which it is cheaper to look through all than to remember which."""


class Outbox:
    """The one way out. `report` is told how many publications of a kind were confirmed."""

    def __init__(
        self, config: PublicationConfig, *, engine: Engine, patience: Patience, report: Callable[[Kind, int], None]
    ) -> None:
        self._config = config
        self._engine = engine
        self._patience = patience
        self._report = report
        self._changed: set[SpaceId] = set()
        self._wake = asyncio.Event()
        self._recount = asyncio.Event()
        self._is_finishing = False
        self._look_at = 0.0
        """When all rows are looked through, by the loop's clock."""
        self._confirmation: asyncio.Task[None] | None = None
        self._unconfirmed: frozenset[int | str] = frozenset()
        """Spaces that the broker has, and of which this is being written down."""

    def changed(self, spaces: Collection[SpaceId]) -> None:
        """These spaces are due."""
        self._changed.update(spaces)
        if len(self._changed) > _REMEMBERED:
            self._changed.clear()
            self._look_at = 0.0
        self._wake.set()

    def finish(self) -> None:
        """Publish what is due and return from `run`."""
        self._is_finishing = True
        self._wake.set()

    async def run(self, link: Link) -> None:
        """Publish until `finish`. Raises when the link is lost."""
        self._look_at = 0.0
        self._confirmation, self._unconfirmed = None, frozenset()
        are_rows_done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_counts(link, until=are_rows_done))
            await self._publish_rows(link, group)
            await self._confirmed()
            are_rows_done.set()
            self._recount.set()

    async def _publish_rows(self, link: Link, group: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            is_finishing = self._is_finishing
            try:
                if clock() >= self._look_at:
                    await self._look_through(link, group)
                    self._look_at = clock() + self._config.poll_interval.total_seconds()
                await self._publish_changed(link, group)
            except PublicationRefused as refusal:
                _warn(refusal)
                self._look_at = clock() + self._config.poll_interval.total_seconds()
            if is_finishing:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._look_at):
                    await self._wake.wait()

    async def _look_through(self, link: Link, group: asyncio.TaskGroup) -> None:
        await self._confirmed()
        for kind in (Kind.SPACE, Kind.DEVICE):
            async for found in self._pages(link, kind):
                await self._confirm_meanwhile(kind, found, group)
        self._recount.set()

    async def _publish_changed(self, link: Link, group: asyncio.TaskGroup) -> None:
        while self._changed:
            page = list(islice((space for space in self._changed if space not in self._unconfirmed), PAGE))
            if not page:  # what is left has changed again since it was published
                await self._confirmed()
                continue
            self._changed.difference_update(page)
            found = await self._send(link, Kind.SPACE, partial(due.read_spaces, spaces=page))
            await self._confirm_meanwhile(Kind.SPACE, found, group)

    async def _publish_counts(self, link: Link, *, until: asyncio.Event) -> None:
        """As often as they may be, and a last time when `until` is set."""
        is_last = False
        while not is_last:
            await self._recount.wait()
            self._recount.clear()
            is_last, rest = until.is_set(), self._config.counts_interval
            try:
                for kind in (Kind.ZONE, Kind.SITE):
                    async for found in self._pages(link, kind):
                        await self._confirm(kind, found)
            except PublicationRefused as refusal:
                _warn(refusal)
                rest = self._config.poll_interval
            if not is_last:
                await pause(rest.total_seconds(), stop=until)

    async def _pages(self, link: Link, kind: Kind) -> AsyncIterator[list[Due]]:
        """Publish all rows of a kind that are due, a page at a time. Each once, though it may be due again meanwhile."""
        after: int | str | None = None
        while True:
            found = await self._send(link, kind, partial(due.read, kind=kind, after=after, limit=PAGE))
            if found:
                yield found
            if len(found) < PAGE:
                return
            after = found[-1].key

    async def _send(self, link: Link, kind: Kind, read: Callable[[Connection], Awaitable[list[Due]]]) -> list[Due]:
        """Read a page and publish it. What it returns is what the broker has."""
        found = await self._patience(partial(self._read, read), purpose="reading what is due")
        messages = [message for one in found for message in (*one.steps, one.message)]
        if messages:
            await link.publish([publication(self._config.root, message) for message in messages])
        self._report(kind, len(messages))
        return found

    async def _confirm_meanwhile(self, kind: Kind, published: list[Due], group: asyncio.TaskGroup) -> None:
        """Write down that the broker has these, after the page before and while the next one is on its way."""
        await self._confirmed()
        if published:
            self._unconfirmed = frozenset([one.key for one in published])
            self._confirmation = group.create_task(self._write_down(kind, published))

    async def _write_down(self, kind: Kind, published: list[Due]) -> None:
        await self._confirm(kind, published)
        self._unconfirmed = frozenset()

    async def _confirmed(self) -> None:
        if self._confirmation is not None:
            await self._confirmation

    async def _confirm(self, kind: Kind, published: list[Due]) -> None:
        still_due = await self._patience(partial(self._write, kind, published), purpose="recording what was confirmed")
        if kind is Kind.SPACE:
            self._recount.set()
            if still_due:
                self.changed([SpaceId(key) for key in still_due if isinstance(key, int)])

    async def _read(self, read: Callable[[Connection], Awaitable[list[Due]]]) -> list[Due]:
        async with self._engine.connect() as connection:
            return await read(connection)

    async def _write(self, kind: Kind, published: list[Due]) -> set[int | str]:
        async with self._engine.connect() as connection:
            return await confirmations.confirm(connection, kind, published)


def _warn(refusal: PublicationRefused) -> None:
    """Another connection would not change the broker's mind. It is asked again with the next look at all rows."""
    logger.bind(error=str(refusal)).warning("The broker refuses a publication; its ACL has to allow it")
