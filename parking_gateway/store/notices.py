"""Notices: how many there are, which are over, and which are old."""

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.space import SpaceId
from parking_gateway.store.old_rows import deletion
from parking_gateway.store.query import Query, Statement, asks, counts
from parking_gateway.store.tables import TIME, device, installation, notice


class SilentNotice(NamedTuple):
    """A notice of a silent device."""

    id: int
    dev_eui: DevEui
    space: SpaceId | None
    """The space that the device watches now."""


def silent_since(time: datetime) -> Query[int]:
    """How many notices have named a single silent device since this time."""
    return counts(_SILENT_SINCE, {"since": time})


def heard_again(now: datetime) -> Query[list[SilentNotice]]:
    """End the notices of silent devices that were heard again, and return them."""
    return asks(_HEARD_AGAIN, SilentNotice, {"now": now})


delete_old: Final = deletion(notice.c.at)
_IS_SILENT: Final = (notice.c.kind == sa.literal_column(f"'{NoticeKind.SILENT}'"), notice.c.dev_eui.is_not(None))
_SILENT_SINCE: Final = Statement(
    sa.select(sa.func.count()).select_from(notice).where(*_IS_SILENT, notice.c.at > sa.bindparam("since", type_=TIME))
)
_SPACE: Final = (
    sa.select(installation.c.space_id)
    .where(installation.c.dev_eui == notice.c.dev_eui)
    .order_by(installation.c.channel)
    .limit(1)
    .scalar_subquery()
)
_HEARD_AGAIN: Final = Statement(
    notice.update()
    .where(*_IS_SILENT, notice.c.over_at.is_(None), device.c.dev_eui == notice.c.dev_eui, device.c.contact == "live")
    .values(over_at=sa.bindparam("now", type_=TIME))
    .returning(notice.c.id, notice.c.dev_eui, _SPACE)
)
