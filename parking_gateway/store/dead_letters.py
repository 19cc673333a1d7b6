"""Rejected messages as people look at them."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from parking_gateway.store.query import Query, Statement, asks
from parking_gateway.store.tables import rejection


class ListedRejection(msgspec.Struct, frozen=True):
    """A rejected message."""

    id: int
    received_at: datetime
    reason: str
    detail: str
    topic: str
    dev_eui: str | None
    deduplication_id: UUID | None
    payload: str
    """As hexadecimal digits."""


_LATEST: Final = Statement(
    sa.select(
        rejection.c.id,
        rejection.c.received_at,
        rejection.c.reason,
        rejection.c.detail,
        rejection.c.topic,
        rejection.c.dev_eui,
        rejection.c.deduplication_id,
        sa.func.encode(rejection.c.payload, "hex").label("payload"),
    )
    .order_by(rejection.c.received_at.desc(), rejection.c.id.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


def latest(*, limit: int) -> Query[list[ListedRejection]]:
    """The last `limit` of them, the latest first."""
    return asks(_LATEST, ListedRejection, {"limit": limit})
