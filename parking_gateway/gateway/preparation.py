"""Preparations before the first uplink: a database that answers, with the schema of this program."""

import asyncio
import gc
from collections.abc import Sequence
from functools import partial
from typing import Final

from loguru import logger

from parking_gateway.clock.rounds import PARTITIONS, Rounds
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.gateway.opening import mistakes
from parking_gateway.store import schema
from parking_gateway.store.installations import Chosen, chosen_codecs
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool

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
