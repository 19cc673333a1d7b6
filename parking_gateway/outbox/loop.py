"""The loop that publishes due rows and confirms them in the database.

There is no queue. A row is due while its version is not the confirmed one, so many changes of one space become one
message, and a restart loses nothing. Spaces that are passed to `changed` are published at once. All rows are scanned at
the start and every `poll_interval`, for changes of other processes and for refused publications. Zones and sites are
counted once in `counts_interval`. `outgoing` publishes beside it what is not the last value of a row.

A page is confirmed in the database while the next one is read and published.
"""

import asyncio
import math
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from typing import Final

from parking_gateway.core.due import DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.marker import Marker
from parking_gateway.outbox.outgoing import OutgoingMessages
from parking_gateway.outbox.pages import PAGE, Page, Pages, Publisher, ReportPublished, ReportSteps
from parking_gateway.process.config.sections import PublicationConfig
from parking_gateway.process.waits import pause
from parking_gateway.store.database import Database
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience

_REMEMBERED: Final = 50_000
"""With more changed spaces than this, a scan of all is cheaper than a list of their ids."""


class Outbox:
    """Publishes over one link after the other."""

    def __init__(  # noqa: PLR0913 - what it works with, and where it reports
        self,
        config: PublicationConfig,
        *,
        database: Database,
        patience: Patience,
        marker: Marker,
        known: KnownServer,
        report: ReportPublished,
        report_steps: ReportSteps = lambda _published, _refused: None,
    ) -> None:
        self._config = config
        self._pages = Pages(
            config.root,
            database=database,
            patience=patience,
            marker=marker,
            known=known,
            report=report,
            report_steps=report_steps,
        )
        self._outgoing = OutgoingMessages(
            config.root,
            instance=marker.instance,
            database=database,
            patience=patience,
            poll_interval=config.poll_interval,
            report=report,
        )
        self.sent = self._outgoing.wake
        """Called when messages were written that are published once."""
        self._changed: set[SpaceId] = set()
        self._wake = asyncio.Event()
        self._recount = asyncio.Event()
        self._is_finishing = False
        self._scan_at = 0.0
        """When all rows are scanned next, by the event loop's clock."""
        self._confirmation: asyncio.Task[None] | None = None
        self._unconfirmed: frozenset[int | str] = frozenset()
        """Keys of the page that the broker has confirmed and the database not yet."""

    def changed(self, spaces: Collection[SpaceId]) -> None:
        """Publish these spaces soon."""
        self._changed.update(spaces)
        if len(self._changed) > _REMEMBERED:
            self._changed.clear()
            self._scan_at = 0.0
        self._wake.set()

    def recounted(self) -> None:
        """Publish due zones and sites soon."""
        self._recount.set()

    def finish(self) -> None:
        """Let `run` publish the rows that are due now, and return."""
        self._is_finishing = True
        self._wake.set()
        self._outgoing.finish()

    async def run(self, link: Publisher) -> None:
        """Publish until `finish`. Raises MqttError in an exception group when the link is lost."""
        self._scan_at = 0.0
        self._confirmation, self._unconfirmed = None, frozenset()
        are_rows_done = asyncio.Event()
        await self._pages.publish_once_more()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_counts(link, until=are_rows_done))
            group.create_task(self._outgoing.run(link))
            await self._publish_rows(link, group)
            await self._confirmed()
            are_rows_done.set()
            self._recount.set()

    async def _publish_rows(self, link: Publisher, group: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            is_finishing = self._is_finishing
            if clock() >= self._scan_at:
                self._scan_at = math.inf
                await self._scan(link, group)
                # `_scan_again` may have asked for another scan meanwhile.
                self._scan_at = min(self._scan_at, clock() + self._config.poll_interval.total_seconds())
            await self._publish_changed(link, group)
            if is_finishing:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._scan_at):
                    await self._wake.wait()

    async def _scan(self, link: Publisher, group: asyncio.TaskGroup) -> None:
        await self._confirmed()
        await self._pages.doubt_database()
        for kind in (DueKind.SPACE, DueKind.DEVICE):
            async for page in self._pages.of_kind(link, kind):
                await self._confirm_meanwhile(page, group)
        self._recount.set()

    async def _publish_changed(self, link: Publisher, group: asyncio.TaskGroup) -> None:
        while self._changed:
            spaces = list(islice((space for space in self._changed if space not in self._unconfirmed), PAGE))
            if not spaces:  # the other ones were published and have changed again
                await self._confirmed()
                continue
            self._changed.difference_update(spaces)
            page = await self._pages.of_spaces(link, spaces)
            if not page.rows:  # they were removed, and their zones have fewer
                self._recount.set()
            await self._confirm_meanwhile(page, group)

    async def _publish_counts(self, link: Publisher, *, until: asyncio.Event) -> None:
        """Publish due zones and sites once in an interval, and a last time when `until` is set."""
        is_last = False
        while not is_last:
            await self._recount.wait()
            self._recount.clear()
            is_last = until.is_set()
            for kind in (DueKind.ZONE, DueKind.SITE):
                async for page in self._pages.of_kind(link, kind):
                    await self._confirm(page)
            if not is_last:
                await pause(self._config.counts_interval.total_seconds(), stop=until)

    async def _confirm_meanwhile(self, page: Page, group: asyncio.TaskGroup) -> None:
        """Begin to confirm the page in the database. The page before is confirmed first."""
        await self._confirmed()
        if page.rows:
            self._unconfirmed = frozenset([one.key for one in page.rows])
            self._confirmation = group.create_task(self._confirm_rows(page))

    async def _confirm_rows(self, page: Page) -> None:
        await self._confirm(page)
        self._unconfirmed = frozenset()

    async def _confirmed(self) -> None:
        if self._confirmation is not None:
            await self._confirmation

    async def _confirm(self, page: Page) -> None:
        still_due = await self._pages.confirm(page)
        if page.kind is DueKind.SPACE:
            self._recount.set()
        if still_due.spaces:
            self.changed(still_due.spaces)
        if still_due.is_all_due:
            self._scan_again()

    def _scan_again(self) -> None:
        self._scan_at = 0.0
        self._wake.set()
        self._recount.set()
