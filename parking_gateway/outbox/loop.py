"""The loop that publishes due rows and confirms them in the database.

There is no queue. A row is due while its version is not the confirmed one, so many changes of one space become one
message, and a restart loses nothing. Spaces that are passed to `changed` are published at once. All rows are scanned at
the start and every `poll_interval`, for changes of other processes and for refused publications. Zones and sites are
counted once in `counts_interval`. Both are done less often if they take long. `outgoing` publishes beside it what is not the last value of
a row.

A page is confirmed in the database while the next ones are read and published. Those are confirmed together behind it.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from parking_gateway.core.due import Due, DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.changes import Changes
from parking_gateway.outbox.marker import Marker
from parking_gateway.outbox.outgoing import OutgoingMessages
from parking_gateway.outbox.pages import PAGE, Page, Pages, Publisher, ReportPublished, ReportSteps
from parking_gateway.outbox.unconfirmed import Unconfirmed
from parking_gateway.process.config.sections import PublicationConfig
from parking_gateway.process.waits import pause, until_calm
from parking_gateway.store.database import Database
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience

_REMEMBERED: Final = 50_000
"""With more changed spaces than this, a scan of all is cheaper than a list of their ids."""

_BACKLOG_SECONDS: Final = 10.0
"""The longest that a count waits for a backlog to be worked off."""
_REST: Final = 9
"""The least pause after a scan or a count, in times of what it took: each takes a tenth of one connection's time at most."""
_LONGEST_REST: Final = 60.0
"""Seconds. A database that was slow once is no reason for more."""


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
        has_backlog: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._has_backlog = has_backlog
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
        self._changes = Changes()
        self._clock = asyncio.get_running_loop().time
        self._is_running = False
        self._wake = asyncio.Event()
        self._recount = asyncio.Event()
        self._is_finishing = False
        self._scan_at = 0.0
        """When all rows are scanned next, by the event loop's clock."""
        self._unconfirmed = Unconfirmed(self._confirm)
        self._in_hand: Collection[SpaceId] = ()
        """Spaces of the page that is being published."""

    def changed(self, spaces: Collection[SpaceId], rows: Sequence[Due] = ()) -> None:
        """Publish these spaces soon. `rows` are as the commit that changed them has read them, or none."""
        self._changes.add(spaces, {row.key: row for row in rows if self._is_newest(row)}, now=self._clock())
        if len(self._changes) > _REMEMBERED:
            self._changes.clear()
            self._scan_at = 0.0
        self._wake.set()

    def _is_newest(self, row: Due) -> bool:
        """Whether nothing of the row's space was published that may be newer, or was confirmed after the row was read.

        Commits that follow each other over two connections can be passed to `changed` the other way round.
        """
        if row.key in self._in_hand or self._unconfirmed.versions.get(row.key, row.version - 1) >= row.version:
            return False
        return self._unconfirmed.written.get(row.key, row.published_version) == row.published_version

    def is_waiting(self) -> bool:
        """Whether a change is published at once."""
        return self._is_running and not self._changes

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
        self._unconfirmed.forget()
        self._in_hand = ()
        self._changes.forget_rows()
        are_rows_done = asyncio.Event()
        await self._pages.publish_once_more()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._publish_counts(link, until=are_rows_done))
                group.create_task(self._outgoing.run(link))
                confirming = group.create_task(self._unconfirmed.run())
                self._is_running = True
                await self._publish_rows(link)
                await self._unconfirmed.ended()
                confirming.cancel()
                are_rows_done.set()
                self._recount.set()
        finally:
            self._is_running = False

    async def _publish_rows(self, link: Publisher) -> None:
        while True:
            self._wake.clear()
            is_finishing = self._is_finishing
            if self._clock() >= self._scan_at:
                self._scan_at = math.inf
                reading = await self._scan(link)
                # `_scan_again` may have asked for another scan meanwhile.
                self._scan_at = min(self._scan_at, self._clock() + _rest(self._config.poll_interval, after=reading))
            await self._publish_changed(link)
            if is_finishing:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._scan_at):
                    await self._wake.wait()

    async def _scan(self, link: Publisher) -> float:
        """The answer is the seconds that the database took to read."""
        await self._unconfirmed.ended()
        await self._pages.doubt_database()
        reading = 0.0
        for kind in (DueKind.SPACE, DueKind.DEVICE):
            async for page in self._pages.of_kind(link, kind):
                reading += page.read_seconds
                await self._unconfirmed.add(page)
        self._recount.set()
        return reading

    async def _publish_changed(self, link: Publisher) -> None:
        while self._changes:
            # A space whose confirmation waits is due, and so would be read and published once more.
            some = self._changes.take(
                PAGE,
                without=self._unconfirmed.writing,
                read_again=self._unconfirmed.versions.keys(),
                now=self._clock(),
            )
            if not some.spaces:  # the other ones were published and have changed again
                await self._unconfirmed.ended()
                continue
            self._in_hand = frozenset(some.spaces)
            page = await self._pages.of_spaces(link, some.spaces, some.rows)
            self._in_hand = ()
            if not page.rows:  # they were removed, and their zones have fewer
                self._recount.set()
            await self._unconfirmed.add(page)

    async def _publish_counts(self, link: Publisher, *, until: asyncio.Event) -> None:
        """Publish due zones and sites once in an interval, and a last time when `until` is set.

        To count a site is to read all of its spaces. So where that takes long, it is done less often, and a backlog goes first.
        """
        is_last = False
        while not is_last:
            await self._recount.wait()
            await until_calm(self._has_backlog, within=_BACKLOG_SECONDS, stop=until)
            self._recount.clear()
            is_last = until.is_set()
            counting = 0.0
            for kind in (DueKind.ZONE, DueKind.SITE):
                async for page in self._pages.of_kind(link, kind):
                    counting += page.read_seconds
                    if page.rows:
                        await self._confirm([page])
            if not is_last:
                await pause(_rest(self._config.counts_interval, after=counting), stop=until)

    async def _confirm(self, pages: Sequence[Page]) -> None:
        still_due = await self._pages.confirm(pages)
        if pages[0].kind is DueKind.SPACE:
            self._recount.set()
        # Those that were published once more meanwhile are confirmed next.
        published = self._unconfirmed.versions
        if left := [one for one in still_due.spaces if one not in published and one not in self._changes]:
            self.changed(left)
        if still_due.is_all_due:
            self._changes.forget_rows()
            self._scan_again()

    def _scan_again(self) -> None:
        self._scan_at = 0.0
        self._wake.set()
        self._recount.set()


def _rest(interval: timedelta, *, after: float) -> float:
    """The seconds until the next scan or count, after one that took the database so many."""
    return max(interval.total_seconds(), min(after * _REST, _LONGEST_REST))
