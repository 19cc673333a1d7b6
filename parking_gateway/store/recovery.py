"""Queries about an absence: until when a gateway was there, and which devices can have sent meanwhile."""

from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.tables import device, gateway


class LastSigns(msgspec.Struct, frozen=True):
    """The last signs of life before a start."""

    watched_at: datetime | None
    """Of this gateway. None: it was never connected."""
    others_watched_at: datetime | None
    """Of the gateways beside it, the last one. None: there are none."""


_IS_OURS: Final = gateway.c.instance == sa.bindparam("gateway", type_=sa.Text)
_SIGNS: Final = Statement(
    sa.select(sa.func.max(gateway.c.watched_at).filter(_IS_OURS), sa.func.max(gateway.c.watched_at).filter(~_IS_OURS))
)
# Devices that sent lately first: their lost uplinks are needed most.
_DEVICES: Final = Statement(
    sa.select(device.c.dev_eui).order_by(device.c.heard_at.desc().nulls_last(), device.c.dev_eui)
)


def last_signs(instance: str) -> Query[LastSigns]:
    """The last signs of life of this gateway and of the others."""
    return Query(statement=_SIGNS, arguments={"gateway": instance}, read=_one)


def devices() -> Query[list[DevEui]]:
    """All devices."""
    return asks(_DEVICES, DevEui)


def _one(rows: Rows) -> LastSigns:
    return LastSigns(*rows[0])
