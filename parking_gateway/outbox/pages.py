"""Pages of due rows: read and published together with a marker behind them, and confirmed in the database afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec
from loguru import logger

from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.publication import Publication
from parking_gateway.contract.rendering import rendered
from parking_gateway.core.due import Due, DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.marker import Comparison, Marker
from parking_gateway.store import confirmations, due, gateways
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience

PAGE: Final = 1000
"""Rows of a page."""
_KEYS: Final = 50_000
"""Keys of due rows that are read at once, because the whole table is read for them."""

ReportPublished = Callable[[str, int, Sequence[Refusal]], None]
"""Called with a kind, how many of its publications were confirmed, and which were refused."""
ReportSteps = Callable[[Sequence[Due], Sequence[Due]], None]
"""Called with the rows that were published, spaces with their steps, and with those that the broker refused."""


class Publisher(Protocol):
    """The part of a link that publishes."""

    async def publish(self, publications: Sequence[Publication], /) -> Sequence[Refusal]:
        """Publish, and return the refusals once the broker has answered all. Raises MqttError when the link is lost."""
        ...


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that were read and published together."""

    kind: DueKind
    rows: Sequence[Due]
    confirmed: Sequence[Due]
    """The rows of which the broker has confirmed every publication."""
    marker: int
    """The number of the marker behind them; 0 if the broker refused it."""
    read_seconds: float = 0.0
    """What the database took to read them and their keys; 0 if the commit that changed them did."""


class StillDue(msgspec.Struct, frozen=True, kw_only=True):
    """What is due after a page was confirmed in the database."""

    spaces: list[SpaceId]
    """Spaces of the page that have changed since they were read."""
    is_all_due: bool
    """Whether everything is due, because the database went back to an older state."""


class Pages:
    """Reads, publishes and confirms rows of one gateway, a page at a time."""

    def __init__(  # noqa: PLR0913 - what it works with, and where it reports
        self,
        root: str,
        *,
        database: Database,
        patience: Patience,
        marker: Marker,
        known: KnownServer,
        report: ReportPublished,
        report_steps: ReportSteps,
    ) -> None:
        self._root = root
        self._database = database
        self._patience = patience
        self._marker = marker
        self._known = known
        self._report = report
        self._report_steps = report_steps
        self._accepting = asyncio.Lock()
        self._under_way: list[tuple[DueKind, Sequence[Due]]] = []
        """Rows whose publication began and whose confirmation is not in the database."""

    async def of_kind(self, link: Publisher, kind: DueKind) -> AsyncIterator[Page]:
        """Publish all due rows of a kind, a page at a time. Each once, though it may be due again meanwhile.

        Where nothing is due, there is one page without rows.
        """
        after: int | str | None = None
        while True:
            keys, seconds = await self._fresh(partial(_read_keys, kind=kind, after=after))
            for start in range(0, max(1, len(keys)), PAGE):
                page = await self._send(link, kind, keys[start : start + PAGE])
                yield msgspec.structs.replace(page, read_seconds=page.read_seconds + seconds)
                seconds = 0.0
            if len(keys) < _KEYS:
                return
            after = keys[-1]

    async def of_spaces(self, link: Publisher, spaces: Sequence[SpaceId], rows: Sequence[Due] | None = None) -> Page:
        """Publish the due ones of these spaces, at most `PAGE`. `rows` are theirs, if they were read already."""
        return await self._send(link, DueKind.SPACE, spaces, rows)

    async def confirm(self, pages: Sequence[Page]) -> StillDue:
        """Confirm pages of one kind in the database, together."""
        kind, marker = pages[0].kind, max(page.marker for page in pages)
        # Of a row that was published again meanwhile, the last one is confirmed.
        rows = list({row.key: row for page in pages for row in page.rows}.values())
        attempts = iter([list({row.key: row for page in pages for row in page.confirmed}.values())])

        async def write() -> tuple[set[int | str], int]:
            # The database that answers after a failure may be another one, which lost the last changes of these rows.
            confirmed = next(attempts, None)
            return await self._write(kind, confirmations.doubted(rows) if confirmed is None else confirmed, marker)

        written_before = self._marker.written
        keys, number_before = await self._patience(write, purpose="confirming publications")
        ended = {id(page.rows) for page in pages}
        self._under_way = [one for one in self._under_way if id(one[1]) not in ended]
        self._marker.wrote(marker)
        return StillDue(
            spaces=[SpaceId(key) for key in keys if isinstance(key, int) and kind is DueKind.SPACE],
            is_all_due=await self._has_gone_back(number_before, written_before=written_before),
        )

    async def publish_once_more(self) -> None:
        """Make rows due whose publication was cut off: the database may have lost their last change since then."""
        while self._under_way:
            kind, rows = self._under_way[0]
            doubted = partial(self._write, kind, confirmations.doubted(rows), 0)
            await self._patience(doubted, purpose="publishing again")
            self._under_way.pop(0)

    async def doubt_database(self) -> None:
        """Make everything due if the database has gone back to an older state."""
        written_before = self._marker.written
        number = await self._patience(self._read_marker, purpose="reading the marker")
        await self._has_gone_back(number, written_before=written_before)

    async def _send(
        self, link: Publisher, kind: DueKind, keys: Sequence[int | str], given: Sequence[Due] | None = None
    ) -> Page:
        rows, read_seconds = given or (), 0.0
        if keys and (given is None or self._known.has_changed):
            rows, read_seconds = await self._fresh(partial(_read_rows, kind=kind, keys=keys))
        if not rows:
            self._report(kind, 0, [])
            return Page(kind=kind, rows=rows, confirmed=rows, marker=0, read_seconds=read_seconds)
        self._under_way.append((kind, rows))
        publications = rendered(self._root, rows)
        marker = self._marker.next()
        number = self._marker.sent
        refusals = await link.publish([*publications, marker])
        self._report(kind, len(publications) - len(refusals), refusals)
        confirmed, unconfirmed = rows, list[Due]()
        if refusals:
            refused = {refusal.topic for refusal in refusals}
            confirmed = [row for row in rows if refused.isdisjoint(one.topic for one in rendered(self._root, [row]))]
            unconfirmed = [row for row in rows if row not in confirmed]
            number = 0 if marker.topic in refused else number
        self._report_steps(confirmed, unconfirmed)
        return Page(kind=kind, rows=rows, confirmed=confirmed, marker=number, read_seconds=read_seconds)

    async def _has_gone_back(self, number: int, *, written_before: int) -> bool:
        """Whether the database held an older number than it had before it was asked. Then everything becomes due."""
        if number >= written_before:
            return False
        logger.bind(number=number).warning(Comparison.DATABASE_WENT_BACK)
        await self._patience(self._begin_again, purpose="publishing everything again")
        return True

    async def _accept_change(self) -> None:
        """Raise the versions and make everything due, because the server has changed. Once for each change."""
        async with self._accepting:
            if (change := self._known.last) is not None and self._known.has_changed:
                await self._patience(self._begin_again, purpose="publishing everything again")
                self._known.published_again(change)

    async def _fresh(self, read: Callable[[Connection], Awaitable[Sequence[Any]]]) -> tuple[Sequence[Any], float]:
        """What is read, from the server that is connected now, and the seconds that it took."""
        while True:
            found, seconds = await self._patience(partial(self._read, read), purpose="reading due rows")
            if not self._known.has_changed:
                return found, seconds
            await self._accept_change()  # what was read may be older than what is published

    async def _read(self, read: Callable[[Connection], Awaitable[Sequence[Any]]]) -> tuple[Sequence[Any], float]:
        # `read` ends its transaction at once, because the pool would need one more round trip for that.
        async with self._database.connect() as connection:
            clock = asyncio.get_running_loop().time
            began = clock()
            found = await read(connection)
            return found, clock() - began

    async def _write(self, kind: DueKind, confirmed: Sequence[Due], marker: int) -> tuple[set[int | str], int]:
        """The keys of rows that are due all the same, and the number of the marker that was confirmed before."""
        async with self._database.connect() as connection:
            keys, *_, number_before = await connection.commit_together(
                confirmations.confirm(kind, confirmed),
                *(confirmations.recount([row.key for row in confirmed]) if kind is DueKind.SPACE else []),
                # The last, so that its row is locked for the commit only.
                gateways.advance(self._marker.instance, marker),
            )
            return keys, number_before

    async def _read_marker(self) -> int:
        async with self._database.connect() as connection:
            (numbers,) = await connection.commit_together(gateways.markers())
            return numbers.get(self._marker.instance, 0)

    async def _begin_again(self) -> None:
        async with self._database.connect() as connection:
            marker = self._marker
            again = gateways.begin_again_above(marker.instance, marker.sent, version=marker.beyond)
            await connection.commit_together(*again)


async def _read_keys(connection: Connection, *, kind: DueKind, after: int | str | None) -> list[int | str]:
    (keys,) = await connection.commit_together(due.keys(kind, limit=_KEYS, after=after))
    return keys


async def _read_rows(connection: Connection, *, kind: DueKind, keys: Sequence[int | str]) -> list[Due]:
    if kind is DueKind.SPACE:
        spaces = [SpaceId(key) for key in keys if isinstance(key, int)]
        return due.with_steps(*await connection.commit_together(*due.changed_with_steps(spaces)))
    (rows,) = await connection.commit_together(due.rows(kind, keys))
    return rows
