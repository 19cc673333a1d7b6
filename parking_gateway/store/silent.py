"""Devices that were not heard for as long as they may be silent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.tables import TIME, device, installation, space

_AT_ONCE: Final = 1000
"""Devices of one transaction. The next round takes the others."""

_SECONDS: Final = sa.func.coalesce(
    sa.cast(installation.c.lost_after, sa.Double),
    sa.cast(sa.bindparam("by_profile", type_=pg.JSONB)[device.c.profile].astext, sa.Double),
    sa.bindparam("lost_after", type_=sa.Double),
)
_SENSOR: Final = space.c.sensors["by_key"][installation.c.dev_eui + "/" + sa.cast(installation.c.channel, sa.Text)]
_HEARD_AT: Final = sa.case(
    (space.c.sensors.is_(None), space.c.heard_at),
    else_=sa.cast(_SENSOR["heard_at"].astext, sa.TIMESTAMP(timezone=True)),
)
"""When the sensor was heard, which may be one of several in its space."""
_IS_LOST: Final = sa.func.coalesce(sa.cast(_SENSOR["is_lost"].astext, sa.Boolean), sa.false())
_SILENT: Final = Statement(
    sa.select(installation.c.dev_eui, _SECONDS)
    .select_from(
        space.join(installation, installation.c.space_id == space.c.id).outerjoin(
            device, device.c.dev_eui == installation.c.dev_eui
        )
    )
    .where(
        space.c.contact == "live",
        sa.or_(space.c.sensors.is_(None), ~_IS_LOST),
        sa.func.greatest(_HEARD_AT, sa.bindparam("listening_since", type_=TIME))
        < sa.bindparam("now", type_=TIME) - sa.func.make_interval(0, 0, 0, 0, 0, 0, _SECONDS),
    )
    .order_by(installation.c.dev_eui)
    .limit(_AT_ONCE)
)


def devices(
    now: datetime,
    listening_since: datetime,
    *,
    lost_after: timedelta,
    by_profile: Mapping[str, timedelta],
) -> Query[dict[DevEui, timedelta]]:
    """Installed devices whose spaces are live and that were silent for longer than they may be, with that limit.

    The limit is the installation's, else the profile's, else `lost_after`. Nothing is locked: the turn decides again about the
    locked spaces. It reads all spaces: every ten seconds this takes 20 ms with 100,000 spaces.
    """
    arguments: dict[str, Any] = {
        "now": now,
        "listening_since": listening_since,
        "lost_after": lost_after.total_seconds(),
        "by_profile": msgspec.json.encode(
            {profile: limit.total_seconds() for profile, limit in by_profile.items()}
        ).decode(),
    }
    return Query(statement=_SILENT, arguments=arguments, read=_limits)


def _limits(rows: Rows) -> dict[DevEui, timedelta]:
    return {DevEui(dev_eui): timedelta(seconds=seconds) for dev_eui, seconds in rows}
