"""Queries about an absence: until when a gateway was there, and which devices can have sent meanwhile."""

from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.tables import device, gateway, uplink


class LastSigns(msgspec.Struct, frozen=True):
    """The last signs of life before a start."""

    watched_at: datetime | None
    """Of this gateway. None: it was never connected."""
    last_uplink: datetime | None
    """When any gateway received the newest uplink."""


_SIGNS: Final = Statement(
    sa.select(
        sa.select(gateway.c.watched_at)
        .where(gateway.c.instance == sa.bindparam("gateway", type_=sa.Text))
        .scalar_subquery(),
        sa.select(uplink.c.received_at).order_by(uplink.c.time.desc()).limit(1).scalar_subquery(),
    )
)
# Devices that sent lately first: their lost uplinks are needed most.
_DEVICES: Final = Statement(
    sa.select(device.c.dev_eui).order_by(device.c.heard_at.desc().nulls_last(), device.c.dev_eui)
)


def last_signs(instance: str) -> Query[LastSigns]:
    """The last signs of life of this gateway and of all."""
    return Query(statement=_SIGNS, arguments={"gateway": instance}, read=_one)


def devices() -> Query[list[DevEui]]:
    """All devices."""
    return asks(_DEVICES, DevEui)


def _one(rows: Rows) -> LastSigns:
    return LastSigns(*rows[0])
