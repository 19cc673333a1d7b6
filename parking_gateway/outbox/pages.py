"""Pages of due rows: read and published together, a marker behind them, and written down once the broker has confirmed them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.broker.link import Link
from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.messages import publication
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.marker import Comparison, Marker
from parking_gateway.store import confirmations, due, gateways
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.due import Due, Kind
from parking_gateway.store.patience import Patience

PAGE: Final = 1000
"""Rows of a page."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that were read and published together."""

    kind: Kind
    found: Sequence[Due]
    confirmed: Sequence[Due]
    """The rows whose messages the broker has taken, all of them."""
    marker: int
    """The number of the marker behind them; 0 if the broker refused it."""


class WrittenDown(msgspec.Struct, frozen=True, kw_only=True):
    """What came of writing down a page."""

    still_due: list[SpaceId]
    """Spaces that have changed again since they were published."""
    is_all_due: bool
    """Whether everything is due, because the database went back to an older state."""


class Pages:
    """Their way to the broker and back. `report` is called with how many publications were confirmed, and what was refused."""

    def __init__(
        self,
        root: str,
        *,
        database: Database,
        patience: Patience,
        marker: Marker,
        report: Callable[[Kind, int, Sequence[Refusal]], None],
    ) -> None:
        self._root = root
        self._database = database
        self._patience = patience
        self._marker = marker
        self._report = report
        self._under_way: list[tuple[Kind, Sequence[Due]]] = []
        """Rows whose publication began and whose confirmation is not written down."""

    async def of_kind(self, link: Link, kind: Kind) -> AsyncIterator[Page]:
        """Publish all rows of a kind that are due, a page at a time. Each once, though it may be due again meanwhile."""
        after: int | str | None = None
        while True:
            page = await self._send(link, kind, partial(due.read, kind=kind, after=after, limit=PAGE))
            if page.found:
                yield page
            if len(page.found) < PAGE:
                return
            after = page.found[-1].key

    async def of_spaces(self, link: Link, spaces: Sequence[SpaceId]) -> Page:
        """Publish those of the spaces that are due, at most `PAGE`."""
        return await self._send(link, Kind.SPACE, partial(due.read_spaces, spaces=spaces))

    async def write_down(self, page: Page) -> WrittenDown:
        """Write down what the broker has confirmed."""
        attempts = iter((page.confirmed,))

        async def write() -> confirmations.Confirmed:
            # The database that answers after a failure may be another one, which lost the last changes of these rows.
            published = next(attempts, None)
            return await self._write(page, confirmations.doubted(page.found) if published is None else published)

        known = self._marker.written
        confirmed = await self._patience(write, purpose="recording what was confirmed")
        self._under_way = [one for one in self._under_way if one[1] is not page.found]
        self._marker.wrote(page.marker)
        return WrittenDown(
            still_due=[SpaceId(key) for key in confirmed.still_due if isinstance(key, int) and page.kind is Kind.SPACE],
            is_all_due=await self._doubt_database(confirmed.marker_before or 0, known=known),
        )

    async def publish_once_more(self) -> None:
        """Make rows due whose publication was cut off: the database may have lost their last change since then."""
        while self._under_way:
            kind, found = self._under_way[0]
            page = Page(kind=kind, found=found, confirmed=(), marker=0)
            await self._patience(partial(self._write, page, confirmations.doubted(found)), purpose="publishing again")
            self._under_way.pop(0)

    async def doubt_database(self) -> bool:
        """Make everything due, and return True, if the database has gone back to an older state."""
        known = self._marker.written
        return await self._doubt_database(
            await self._patience(self._read_marker, purpose="reading what was confirmed"), known=known
        )

    async def _send(self, link: Link, kind: Kind, read: Callable[[Connection], Awaitable[list[Due]]]) -> Page:
        found = await self._patience(partial(self._read, read), purpose="reading what is due")
        if not found:
            self._report(kind, 0, [])
            return Page(kind=kind, found=found, confirmed=found, marker=0)
        self._under_way.append((kind, found))
        messages = [publication(self._root, message) for one in found for message in (*one.steps, one.message)]
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
        return [publication(self._root, message).topic for message in (*one.steps, one.message)]

    async def _doubt_database(self, number: int, *, known: int) -> bool:
        """Whether the database held an older number than was known of it before it was asked."""
        if number >= known:
            return False
        logger.bind(number=number).warning(Comparison.DATABASE_WENT_BACK)
        await self._patience(self._begin_again, purpose="publishing everything again")
        return True

    async def _read(self, read: Callable[[Connection], Awaitable[list[Due]]]) -> list[Due]:
        async with self._database.connect() as connection:
            return await read(connection)

    async def _write(self, page: Page, published: Sequence[Due]) -> confirmations.Confirmed:
        async with self._database.connect() as connection:
            marker = gateways.advance(self._marker.instance, page.marker)
            return await confirmations.confirm(connection, page.kind, published, marker=marker)

    async def _read_marker(self) -> int:
        async with self._database.connect() as connection:
            return await gateways.confirmed(connection, self._marker.instance)

    async def _begin_again(self) -> None:
        async with self._database.begin() as connection:
            await gateways.begin_again(connection, self._marker.instance, self._marker.sent)
