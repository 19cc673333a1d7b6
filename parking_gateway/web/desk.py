"""What the pages of the board and of the API work with."""

import asyncio
from functools import partial
from typing import Any, Final

import msgspec

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.database import Database
from parking_gateway.store.patience import DatabaseUnusable, attempt
from parking_gateway.store.query import Query
from parking_gateway.telemetry.report import Report

_AT_ONCE: Final = 2
"""Pages that read the database at the same time. The others wait, so that uplinks keep their connections."""


class WebDesk(msgspec.Struct, kw_only=True):
    """What one page works with."""

    config: Config
    """The one that is in force: a reload replaces it."""
    database: Database
    decoder: Decoder
    report: Report
    clock: WallClock
    turns: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def read(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        """The answers of these queries, in one round trip. Raises DatabaseUnusable, which becomes the status 503."""
        async with self.turns:
            try:
                return await attempt(partial(self._read, *queries))
            except DatabaseUnusable:
                self.database.renew()
                raise

    async def _read(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        within = self.config.requests.timeout.total_seconds()
        async with asyncio.timeout(within), self.database.connect() as connection:
            return await connection.commit_together(*queries)
