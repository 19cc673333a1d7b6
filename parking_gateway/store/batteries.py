"""The battery of a device in its row: the later one counts, by the order of frames."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.device import Snapshot
from parking_gateway.store.order import FrameColumns, is_later
from parking_gateway.store.tables import device

_BATTERY: Final = ("battery_percent", "battery_at", "battery_dev_addr", "battery_f_cnt")
PLACE_IN_SNAPSHOT: Final = f"{{{Snapshot.__struct_fields__.index('battery_percent')}}}"
"""As a path of PostgreSQL: a snapshot is an array."""


def battery_of(new: Any) -> dict[str, sa.ColumnElement[Any]]:
    """The battery columns of an update: the new battery, if there is one and the known one is not later."""
    is_earlier = sa.and_(device.c.battery_at.is_not(None), is_outdone(device.c, new))
    is_kept = sa.or_(new.battery_percent.is_(None), is_earlier)
    return {name: sa.case((is_kept, device.c[name]), else_=new[name]) for name in _BATTERY}


def is_outdone(known: Any, new: Any) -> sa.ColumnElement[bool]:
    """Whether the known battery is later than the new one. Of two at one time the higher counts, as for a space."""
    known_from, new_from = (
        FrameColumns(one.battery_at, one.battery_dev_addr, one.battery_f_cnt) for one in (known, new)
    )
    is_lower = sa.and_(new.battery_at == known.battery_at, new.battery_percent < known.battery_percent)
    return sa.or_(is_later(known_from, new_from), is_lower)


def with_battery_of_row(snapshot: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The snapshot with the battery of the device's row, which can come from a device status."""
    percent = sa.func.coalesce(sa.func.to_jsonb(device.c.battery_percent), sa.literal_column("'null'::jsonb"))
    return sa.cast(sa.func.jsonb_set(sa.cast(snapshot, pg.JSONB), _PATH, percent), pg.JSON)


_PATH: Final[sa.ColumnElement[Any]] = sa.literal_column(f"'{PLACE_IN_SNAPSHOT}'::text[]")
