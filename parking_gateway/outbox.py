"""From the database to the broker: publish what the broker does not know yet, and record what it confirmed.

There is no queue: what is due are the rows whose version is ahead of the confirmed one, so many changes of one space
become one message, and a restart loses nothing. Spaces that the intake changed are published at once; all rows are
looked through at the start and now and then, for what others changed. Zones and sites are counted once per interval.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
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
        self._is_finishing = False
        self._look_at = self._count_at = 0.0
        """When all rows are looked through, and when zones and sites may be counted again; by the loop's clock."""
        self._is_count_due = False

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
        clock = asyncio.get_running_loop().time
        self._look_at = 0.0
        while True:
            self._wake.clear()
            is_finishing = self._is_finishing
            try:
                await self._publish_what_is_due(link, is_last=is_finishing)
            except PublicationRefused as refusal:
                # Another connection would not change the broker's mind. It is asked again with the next look at all rows.
                logger.bind(error=str(refusal)).warning("The broker refuses a publication; its ACL has to allow it")
                self._look_at = self._count_at = clock() + self._config.poll_interval.total_seconds()
            if is_finishing:
                return
            await self._rest(until=min(self._look_at, self._count_at) if self._is_count_due else self._look_at)

    async def _publish_what_is_due(self, link: Link, *, is_last: bool) -> None:
        clock = asyncio.get_running_loop().time
        if clock() >= self._look_at:
            await self._publish_all_due(link)
            self._look_at = clock() + self._config.poll_interval.total_seconds()
        await self._publish_changed(link)
        if is_last or clock() >= self._count_at:
            await self._publish_counts(link)
            self._count_at = clock() + self._config.counts_interval.total_seconds()

    async def _rest(self, *, until: float) -> None:
        """Wait to be woken, or for the time at which there is something to do anyway."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wake.wait()

    async def _publish_all_due(self, link: Link) -> None:
        for kind in (Kind.SPACE, Kind.DEVICE):
            while await self._publish(link, kind, partial(due.read, kind=kind, limit=PAGE)) == PAGE:
                pass
        self._is_count_due = True

    async def _publish_changed(self, link: Link) -> None:
        while self._changed:
            page = [self._changed.pop() for _ in range(min(PAGE, len(self._changed)))]
            await self._publish(link, Kind.SPACE, partial(due.read_spaces, spaces=page))

    async def _publish_counts(self, link: Link) -> None:
        for kind in (Kind.ZONE, Kind.SITE):
            while await self._publish(link, kind, partial(due.read, kind=kind, limit=PAGE)) == PAGE:
                pass
        self._is_count_due = False

    async def _publish(self, link: Link, kind: Kind, read: Callable[[Connection], Awaitable[list[Due]]]) -> int:
        """Read, publish and confirm one page. Returns how many rows it had."""
        found = await self._patience(partial(self._read, read), purpose="reading what is due")
        messages = [message for one in found for message in (*one.steps, one.message)]
        if found:
            await link.publish([publication(self._config.root, message) for message in messages])
            await self._patience(partial(self._confirm, kind, found), purpose="recording what was confirmed")
        self._report(kind, len(messages))
        return len(found)

    async def _read(self, read: Callable[[Connection], Awaitable[list[Due]]]) -> list[Due]:
        async with self._engine.connect() as connection:
            return await read(connection)

    async def _confirm(self, kind: Kind, published: list[Due]) -> None:
        async with self._engine.connect() as connection:
            still_due = await confirmations.confirm(connection, kind, published)
        if kind is Kind.SPACE:
            self._changed |= {SpaceId(key) for key in still_due if isinstance(key, int)}
            self._is_count_due = True
