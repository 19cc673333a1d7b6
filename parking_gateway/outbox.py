"""From the database to the broker: publish what the broker does not know yet, and record what it confirmed.

There is no queue: due are the rows whose version is not the confirmed one, so many changes of one space become one
message, and a restart loses nothing. Spaces that the intake changed are published at once; all rows are looked through
at the start and every `poll_interval`, for what others changed and for what the broker refused. Zones and sites are
counted once per interval.

The last message of every page is the marker. What was confirmed is written down while the next page is read and
published.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.broker.link import Link
from parking_gateway.broker.reasons import Refusal
from parking_gateway.config.sections import PublicationConfig
from parking_gateway.marker import Marker, Verdict
from parking_gateway.publication import publication
from parking_gateway.space import SpaceId
from parking_gateway.store import confirmations, due, gateways
from parking_gateway.store.due import Due, Kind
from parking_gateway.store.engine import Connection, Engine
from parking_gateway.store.patience import Patience
from parking_gateway.supervision import pause

PAGE: Final = 1000
"""Publications that are read, published and confirmed together."""
_REMEMBERED: Final = 50_000
"""Changed spaces, beyond which it is cheaper to look through all than to remember which."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that were read and published together."""

    kind: Kind
    found: Sequence[Due]
    confirmed: Sequence[Due]
    """The rows whose messages the broker has taken, all of them."""
    marker: int
    """The number of the marker behind them; 0 if the broker refused it."""


class Outbox:
    """The one way out. `report` is called with how many publications of a kind were confirmed, and what was refused."""

    def __init__(
        self,
        config: PublicationConfig,
        *,
        engine: Engine,
        patience: Patience,
        marker: Marker,
        report: Callable[[Kind, int, Sequence[Refusal]], None],
    ) -> None:
        self._config = config
        self._engine = engine
        self._patience = patience
        self._marker = marker
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
        self._under_way: list[tuple[Kind, Sequence[Due]]] = []
        """Rows whose publication began and whose confirmation is not written down."""

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
        await self._publish_once_more()
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
            if clock() >= self._look_at:
                self._look_at = math.inf
                await self._look_through(link, group)
                # Unless somebody wants another look meanwhile.
                self._look_at = min(self._look_at, clock() + self._config.poll_interval.total_seconds())
            await self._publish_changed(link, group)
            if is_finishing:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._look_at):
                    await self._wake.wait()

    async def _look_through(self, link: Link, group: asyncio.TaskGroup) -> None:
        await self._confirmed()
        known = self._marker.written
        found = await self._patience(self._read_marker, purpose="reading what was confirmed")
        await self._doubt_database(found, known=known)
        for kind in (Kind.SPACE, Kind.DEVICE):
            async for page in self._pages(link, kind):
                await self._confirm_meanwhile(page, group)
        self._recount.set()

    async def _publish_changed(self, link: Link, group: asyncio.TaskGroup) -> None:
        while self._changed:
            page = list(islice((space for space in self._changed if space not in self._unconfirmed), PAGE))
            if not page:  # what is left has changed again since it was published
                await self._confirmed()
                continue
            self._changed.difference_update(page)
            sent = await self._send(link, Kind.SPACE, partial(due.read_spaces, spaces=page))
            await self._confirm_meanwhile(sent, group)

    async def _publish_counts(self, link: Link, *, until: asyncio.Event) -> None:
        """As often as they may be, and a last time when `until` is set."""
        is_last = False
        while not is_last:
            await self._recount.wait()
            self._recount.clear()
            is_last = until.is_set()
            for kind in (Kind.ZONE, Kind.SITE):
                async for page in self._pages(link, kind):
                    await self._confirm(page)
            if not is_last:
                await pause(self._config.counts_interval.total_seconds(), stop=until)

    async def _pages(self, link: Link, kind: Kind) -> AsyncIterator[Page]:
        """Publish all rows of a kind that are due, a page at a time. Each once, though it may be due again meanwhile."""
        after: int | str | None = None
        while True:
            page = await self._send(link, kind, partial(due.read, kind=kind, after=after, limit=PAGE))
            if page.found:
                yield page
            if len(page.found) < PAGE:
                return
            after = page.found[-1].key

    async def _send(self, link: Link, kind: Kind, read: Callable[[Connection], Awaitable[list[Due]]]) -> Page:
        """Read a page and publish it."""
        found = await self._patience(partial(self._read, read), purpose="reading what is due")
        if not found:
            self._report(kind, 0, [])
            return Page(kind=kind, found=found, confirmed=found, marker=0)
        self._under_way.append((kind, found))
        messages = [publication(self._config.root, message) for one in found for message in (*one.steps, one.message)]
        marker = self._marker.next(datetime.now(UTC))
        number = self._marker.sent
        refusals = await link.publish([*messages, marker])
        self._report(kind, len(messages) - len(refusals), refusals)
        if not refusals:
            return Page(kind=kind, found=found, confirmed=found, marker=number)
        refused = {refusal.topic for refusal in refusals}
        return Page(
            kind=kind,
            found=found,
            confirmed=[one for one in found if refused.isdisjoint(self._topics(one))],
            marker=0 if marker.topic in refused else number,
        )

    def _topics(self, one: Due) -> list[str]:
        return [publication(self._config.root, message).topic for message in (*one.steps, one.message)]

    async def _confirm_meanwhile(self, page: Page, group: asyncio.TaskGroup) -> None:
        """Write down that the broker has these, after the page before and while the next one is on its way."""
        await self._confirmed()
        if page.found:
            self._unconfirmed = frozenset([one.key for one in page.found])
            self._confirmation = group.create_task(self._write_down(page))

    async def _write_down(self, page: Page) -> None:
        await self._confirm(page)
        self._unconfirmed = frozenset()

    async def _confirmed(self) -> None:
        if self._confirmation is not None:
            await self._confirmation

    async def _confirm(self, page: Page) -> None:
        attempts = iter((page.confirmed,))

        async def write() -> confirmations.Confirmed:
            # The database that answers after a failure may be another one, which lost the last changes of these rows.
            published = next(attempts, None)
            return await self._write(page, confirmations.doubted(page.found) if published is None else published)

        known = self._marker.written
        confirmed = await self._patience(write, purpose="recording what was confirmed")
        self._under_way = [one for one in self._under_way if one[1] is not page.found]
        if page.kind is Kind.SPACE:
            self._recount.set()
            if confirmed.still_due:
                self.changed([SpaceId(key) for key in confirmed.still_due if isinstance(key, int)])
        self._marker.wrote(page.marker)
        await self._doubt_database(confirmed.marker_before or 0, known=known)

    async def _publish_once_more(self) -> None:
        """Make rows due whose publication was cut off: the database may have lost their last change since then."""
        while self._under_way:
            kind, found = self._under_way[0]
            page = Page(kind=kind, found=found, confirmed=(), marker=0)
            await self._patience(partial(self._write, page, confirmations.doubted(found)), purpose="publishing again")
            self._under_way.pop(0)

    async def _doubt_database(self, number: int, *, known: int) -> None:
        """Publish everything again if the database held an older number than was known of it before it was asked."""
        if number >= known:
            return
        logger.bind(number=number).warning(Verdict.DATABASE_WENT_BACK)
        await self._patience(self._begin_again, purpose="publishing everything again")
        self._look_at = 0.0
        self._wake.set()
        self._recount.set()

    async def _read(self, read: Callable[[Connection], Awaitable[list[Due]]]) -> list[Due]:
        async with self._engine.connect() as connection:
            return await read(connection)

    async def _write(self, page: Page, published: Sequence[Due]) -> confirmations.Confirmed:
        async with self._engine.connect() as connection:
            marker = gateways.advance(self._marker.instance, page.marker)
            return await confirmations.confirm(connection, page.kind, published, marker=marker)

    async def _read_marker(self) -> int:
        async with self._engine.connect() as connection:
            return await gateways.confirmed(connection, self._marker.instance)

    async def _begin_again(self) -> None:
        async with self._engine.begin() as connection:
            await gateways.begin_again(connection, self._marker.instance, self._marker.sent)
