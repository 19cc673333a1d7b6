"""From the database to the broker: publish what the broker does not know yet, and record what it confirmed.

There is no queue: what is due are the rows whose version is ahead of the confirmed one, so many changes of one space
become one message, and a restart loses nothing. Zones and sites are counted at most once per interval.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from parking_gateway.broker.link import Link
from parking_gateway.config.sections import PublicationConfig
from parking_gateway.publication import publication
from parking_gateway.store import due
from parking_gateway.store.due import Kind
from parking_gateway.store.engine import Engine
from parking_gateway.store.patience import Patience

PAGE: Final = 1000
"""Publications that are read, published and confirmed together."""
_AT_ONCE: Final = (Kind.SPACE, Kind.TRANSITION, Kind.DEVICE)
_COUNTED: Final = (Kind.ZONE, Kind.SITE)


class Outbox:
    """The one way out. `report` is told how many publications of a kind were confirmed."""

    def __init__(
        self, config: PublicationConfig, *, engine: Engine, patience: Patience, report: Callable[[Kind, int], None]
    ) -> None:
        self._config = config
        self._engine = engine
        self._patience = patience
        self._report = report
        self._wake = asyncio.Event()
        self._is_finishing = False

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def finish(self) -> None:
        """Publish what is due and return from `run`."""
        self._is_finishing = True
        self._wake.set()

    async def run(self, link: Link) -> None:
        """Publish until `finish`. Raises when the link is lost."""
        clock = asyncio.get_running_loop().time
        counts_due_at = 0.0
        while True:
            self._wake.clear()
            is_finishing = self._is_finishing
            await self._publish_all(link, _AT_ONCE)
            if is_finishing or clock() >= counts_due_at:
                await self._publish_all(link, _COUNTED)
                counts_due_at = clock() + self._config.counts_interval.total_seconds()
            if is_finishing:
                return
            await self._rest()

    async def _rest(self) -> None:
        """Wait to be woken. What other gateways and commands changed is seen at the next poll."""
        try:
            async with asyncio.timeout(self._config.poll_interval.total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _publish_all(self, link: Link, kinds: tuple[Kind, ...]) -> None:
        for kind in kinds:
            while await self._publish_page(link, kind) == PAGE:
                pass

    async def _publish_page(self, link: Link, kind: Kind) -> int:
        found = await self._patience(partial(self._read, kind), purpose="reading what is due")
        if found:
            await link.publish([publication(self._config.root, one.message) for one in found])
            await self._patience(partial(self._confirm, kind, found), purpose="recording what was confirmed")
        self._report(kind, len(found))
        return len(found)

    async def _read(self, kind: Kind) -> list[due.Due]:
        async with self._engine.connect() as connection:
            return await due.read(connection, kind, limit=PAGE)

    async def _confirm(self, kind: Kind, published: list[due.Due]) -> None:
        async with self._engine.begin() as connection:
            await due.confirm(connection, kind, published)
