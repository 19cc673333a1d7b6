"""Preparations before the first uplink: a database that answers, with the schema of this program."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

from loguru import logger

from parking_gateway.clock.rounds import PARTITIONS, Rounds
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.gateway.opening import mistakes
from parking_gateway.process.waits import one_of
from parking_gateway.store import schema
from parking_gateway.store.installations import Chosen, chosen_codecs
from parking_gateway.store.patience import Patience, StopRequested
from parking_gateway.store.pool import Pool
from parking_gateway.store.schema import SchemaMismatch

_YOUNG_OBJECTS: Final = 10_000
"""New objects before the garbage collector runs. A batch makes thousands, and hardly any of them are in a cycle."""


async def prepare_database(pool: Pool, *, patience: Patience, decoder: Decoder, rounds: Rounds, migrate: bool) -> None:
    """Wait for the database and check its schema. Raises SchemaMismatch if another version has to run first."""
    if migrate:
        from parking_gateway.store import migrating  # noqa: PLC0415 - Alembic, which else nobody needs

        await patience(partial(migrating.upgrade, pool.engine), purpose="migrating")
    chosen = await patience(partial(_check_schema, pool), purpose="connecting")
    # In a thread, because the start of a guest can take seconds.
    await asyncio.to_thread(_warn_of_unusable, chosen, decoder)
    # Before the first uplinks if possible. Else they go into the default partition, and are moved later.
    await rounds.go(PARTITIONS)
    # The present objects stay, so the garbage collector need not check them again with every batch.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


class Preparation:
    """Whether the preparations have ended. With a journal, they can go on while events are received."""

    def __init__(self, *, stop: asyncio.Event) -> None:
        self.is_done = asyncio.Event()
        """Set when the database has answered, and has the schema of this program."""
        self._stop = stop
        self._task: asyncio.Task[None] | None = None
        self._mismatch: SchemaMismatch | None = None

    @asynccontextmanager
    async def beside(self, work: Coroutine[Any, Any, None], *, within: timedelta | None) -> AsyncIterator[None]:
        """Do the work. The context begins when it is done, or after this time. Raises its SchemaMismatch at the end.

        A mismatch within the context stops the gateway.
        """
        self._task = asyncio.create_task(self._done(work))
        try:
            await one_of(self._task, self._stop, within=within)
            yield
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._mismatch is not None:
            raise self._mismatch

    async def ended(self) -> None:
        """Wait for its end. Raises its error, which is a bug."""
        if self._task is not None:
            await self._task

    async def _done(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except SchemaMismatch as mismatch:
            self._mismatch = mismatch
            self._stop.set()
        except StopRequested:
            logger.warning("The database was away when we stopped; what was in hand is done at the next start")
        else:
            self.is_done.set()


async def _check_schema(pool: Pool) -> list[Chosen]:
    async with pool.connect() as connection:
        await schema.require_current(connection)
        (chosen,) = await connection.commit_together(chosen_codecs())
        return chosen


def _warn_of_unusable(chosen: Sequence[Chosen], decoder: Decoder) -> None:
    """Warn once about installations that cannot be read. All others are read."""
    choices = [(one, Choice(codec=one.codec, options=one.options)) for one in chosen]
    wrong = list(mistakes(decoder, choices))
    if wrong:
        one, mistake = wrong[0]
        logger.bind(
            installations=sum(one.installations for one, _ in wrong), dev_eui=one.dev_eui, error=str(mistake)
        ).warning("Codecs of installations cannot be used; until they can, the frames of these devices are rejected")
