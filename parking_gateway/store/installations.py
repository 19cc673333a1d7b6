"""Installations: which codecs and options they name."""

from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.store.tables import installation


class Chosen(NamedTuple):
    """A codec with its options, and who is read with it."""

    codec: str
    options: dict[str, str]
    dev_eui: str
    """One of the devices, as an example."""
    installations: int


_CHOSEN: Final = (
    sa.select(installation.c.codec, installation.c.options, sa.func.min(installation.c.dev_eui), sa.func.count())
    .where(installation.c.codec.is_not(None))
    .group_by(installation.c.codec, installation.c.options)
)


async def chosen_codecs(connection: AsyncConnection) -> list[Chosen]:
    """Every codec and set of options that installations name."""
    return [Chosen(*row) for row in await connection.execute(_CHOSEN)]
