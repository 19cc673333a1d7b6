"""Installations: which codecs and options they name, looked up without a lock."""

from collections.abc import Collection
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.rows import array_of, listed, texts_of
from parking_gateway.store.tables import counter, installation


class Chosen(NamedTuple):
    """A codec with its options, and the devices that it reads."""

    codec: str
    options: dict[str, str]
    dev_eui: str
    """One of the devices, as an example."""
    installations: int


_CHOSEN: Final = Statement(
    sa.select(installation.c.codec, installation.c.options, sa.func.min(installation.c.dev_eui), sa.func.count())
    .where(installation.c.codec.is_not(None))
    .group_by(installation.c.codec, installation.c.options)
)


def chosen_codecs() -> Query[list[Chosen]]:
    """Every codec and set of options that installations name."""
    return asks(_CHOSEN, Chosen)


_DEVICES: Final = listed("dev_euis", sa.Text)
_OF_DEVICES: Final = Statement(
    sa.union_all(
        sa.select(
            installation.c.dev_eui,
            installation.c.channel,
            installation.c.space_id,
            installation.c.codec,
            sa.cast(installation.c.options, sa.Text),
        ).where(installation.c.dev_eui.in_(_DEVICES)),
        # Counters are in no space.
        sa.select(
            counter.c.dev_eui,
            counter.c.channel,
            sa.literal(0, sa.BigInteger),
            counter.c.codec,
            sa.cast(counter.c.options, sa.Text),
        ).where(counter.c.dev_eui.in_(_DEVICES)),
    )
)


def of_devices(devices: Collection[DevEui]) -> Query[list[Installation]]:
    """The installations of these devices, in spaces and as counters, as they are now. They are not locked."""
    return Query(statement=_OF_DEVICES, arguments={"dev_euis": array_of(list(devices))}, read=_installations)


def _installations(rows: Rows) -> list[Installation]:
    return [
        Installation(
            dev_eui=DevEui(dev_eui), channel=channel, space=SpaceId(space), codec=codec, options=texts_of(options)
        )
        for dev_eui, channel, space, codec, options in rows
    ]
