"""Installations: which codecs and options they name."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.store.tables import installation

_CHOSEN: Final = (
    sa.select(installation.c.codec, installation.c.options, sa.func.min(installation.c.dev_eui))
    .where(installation.c.codec.is_not(None))
    .group_by(installation.c.codec, installation.c.options)
)


async def chosen_codecs(connection: AsyncConnection) -> list[tuple[str, dict[str, str], str]]:
    """Every codec and set of options that installations name, each with one device as an example."""
    return [(codec, options, dev_eui) for codec, options, dev_eui in await connection.execute(_CHOSEN)]
