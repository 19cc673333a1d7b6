"""Devices: what they are, and what they last said of themselves that was worth telling."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.device import DeviceReading, Snapshot
from parking_gateway.core.events import DevEui
from parking_gateway.core.remembering import remembered
from parking_gateway.core.space import Contact
from parking_gateway.store.order import STEP_BACK, FrameColumns, is_later
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import arguments, array_of, encode, json_of, listed, table_of
from parking_gateway.store.tables import device, installation, uplink

# The fields of `Snapshot`.
_TOLD: Final = Statement(
    sa.select(
        device.c.dev_eui,
        sa.cast(
            sa.func.json_build_array(
                device.c.heard_at,
                device.c.name,
                device.c.profile,
                device.c.application,
                device.c.tags,
                device.c.codec,
                device.c.battery_percent,
                device.c.fault,
                device.c.tamper,
                device.c.dev_addr,
                sa.func.coalesce(device.c.f_cnt, 0),
            ),
            sa.Text,
        ),
    ).where(device.c.dev_eui.in_(listed("dev_euis", sa.Text)), device.c.contact == Contact.LIVE)
)
_decode_told: Final = msgspec.json.Decoder(Snapshot).decode


@remembered
def snapshot_of(json: str) -> Snapshot:
    """What a column holds of it, or a row of `_TOLD`."""
    return _decode_told(json)


_SENT: Final = ("name", "profile", "application", "tags", "heard_at", "dev_addr", "f_cnt", "dr", "rssi", "snr")
_SAID: Final = (
    "codec",
    "battery_volts",
    "temperature_celsius",
    "distance_mm",
    "counter",
    "confidence",
    "fault",
    "tamper",
)
_BATTERY: Final = ("battery_percent", "battery_at", "battery_dev_addr", "battery_f_cnt")
_HEARD: Final = [device.c[name] for name in ("dev_eui", *_SENT, *_SAID, *_BATTERY)]
_BATCH: Final = table_of(*_HEARD)
CLOCK: Final = "clock"
"""The one problem that a device's row tells of."""
_LOOKED_THROUGH: Final = 1000
"""Uplinks of a device that may be later than one: more than anything sends within the hour that its clock may step back."""


def battery_of(new: Any) -> dict[str, sa.ColumnElement[Any]]:
    """What an update sets of a device's battery: what is `new` where it is said and not outdone."""
    is_outdone = sa.and_(device.c.battery_at.is_not(None), outdoes(device.c, new))
    is_kept = sa.or_(new.battery_percent.is_(None), is_outdone)
    return {name: sa.case((is_kept, device.c[name]), else_=new[name]) for name in _BATTERY}


def outdoes(known: Any, new: Any) -> sa.ColumnElement[bool]:
    """Whether a battery that is known was said later than a new one. Of two at once the higher counts, as for a space."""
    known_from, new_from = (
        FrameColumns(one.battery_at, one.battery_dev_addr, one.battery_f_cnt) for one in (known, new)
    )
    is_lower = sa.and_(new.battery_at == known.battery_at, new.battery_percent < known.battery_percent)
    return sa.or_(is_later(known_from, new_from), is_lower)


def _hear() -> pg.Insert:
    recent = (
        sa.select(uplink.c.heard_at, uplink.c.dev_addr, uplink.c.f_cnt)
        .where(uplink.c.dev_eui == _BATCH.c.dev_eui, uplink.c.heard_at > _BATCH.c.heard_at - STEP_BACK)
        .order_by(uplink.c.heard_at.desc())
        .limit(_LOOKED_THROUGH)
        .correlate(_BATCH)
        .subquery("recent")
    )
    later = sa.exists(sa.select(1).select_from(recent).where(is_later(_frame(recent.c), _frame(_BATCH.c))))
    insert = pg.insert(device).from_select(
        [*_HEARD, device.c.contact],
        # What came late is history: the row says what the device said last.
        sa.select(*_BATCH.c, sa.literal_column("'live'")).where(~later).order_by(_BATCH.c.dev_eui),
    )
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[device.c.dev_eui],
        set_={
            **{name: new[name] for name in _SENT},
            **{name: sa.func.coalesce(new[name], device.c[name]) for name in _SAID},
            **battery_of(new),
            "contact": new.contact,
            "problem": sa.null(),
            "version": device.c.version + 1,
        },
    )


def _frame(columns: Any) -> FrameColumns:
    return FrameColumns(columns.heard_at, columns.dev_addr, columns.f_cnt)


def with_battery_of_row(told: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """What is told of a device, with the battery that its row holds: a device status may have said it."""
    percent = sa.func.coalesce(sa.func.to_jsonb(device.c.battery_percent), sa.literal_column("'null'::jsonb"))
    return sa.cast(sa.func.jsonb_set(sa.cast(told, pg.JSONB), _PATH_OF_BATTERY, percent), pg.JSON)


_PATH_OF_BATTERY: Final[sa.ColumnElement[Any]] = sa.literal_column(
    f"'{{{Snapshot.__struct_fields__.index('battery_percent')}}}'::text[]"
)
_HEAR: Final = Statement(_hear())

_COPIES: Final = table_of(device.c.dev_eui, device.c.heard_at, installation.c.told)
_COPY: Final = Statement(
    installation.update()
    .values(told=with_battery_of_row(_COPIES.c.told))
    .where(
        installation.c.dev_eui == _COPIES.c.dev_eui,
        # And not where what is told came late.
        device.c.dev_eui == _COPIES.c.dev_eui,
        device.c.heard_at == _COPIES.c.heard_at,
    )
)


_IN_TROUBLE: Final = device.c.dev_eui.in_(listed("dev_euis", sa.Text))
_TROUBLE: Final = Statement(
    device.update()
    .values(problem=CLOCK, version=device.c.version + 1)
    .where(_IN_TROUBLE, device.c.problem.is_distinct_from(CLOCK))
)
# So that the next uplink that counts is told, and ends it.
_FORGET: Final = Statement(
    installation.update()
    .values(told=sa.null())
    .where(installation.c.dev_eui.in_(listed("dev_euis", sa.Text)), installation.c.told.is_not(None))
)


def trouble(devices: Collection[DevEui]) -> list[Query[None]]:
    """Uplinks of these devices count as older although their counters are higher: somebody's clock is wrong."""
    given = {"dev_euis": array_of(list(devices))}
    return [command(_TROUBLE, given), command(_FORGET, given)]


def told(devices: Collection[DevEui]) -> Query[dict[DevEui, Snapshot]]:
    """What was last told of those of these devices that are live. For those that watch a space, `spaces` knows it."""
    return Query(statement=_TOLD, arguments={"dev_euis": array_of(list(devices))}, read=_all_told)


def hear(heard: Iterable[DeviceReading], told: Mapping[DevEui, Snapshot]) -> list[Query[None]]:
    """Keep what these devices said last, each in the order of its uplinks. One that nobody knew becomes known, unassigned."""
    rows: dict[DevEui, dict[str, Any]] = {}
    for one in heard:
        said = {name: value for name, value in _row(one).items() if value is not None}
        rows[one.uplink.device.dev_eui] = rows.get(one.uplink.device.dev_eui, {}) | said
    copies = arguments(
        dev_eui=list(told),
        heard_at=[one.heard_at for one in told.values()],
        told=[json_of(one) for one in told.values()],
    )
    return [command(_HEAR, encode(_BATCH, rows.values())), command(_COPY, copies)]


def _all_told(rows: Rows) -> dict[DevEui, Snapshot]:
    return {dev_eui: snapshot_of(told) for dev_eui, told in rows}


def _row(heard: DeviceReading) -> dict[str, Any]:
    uplink, identity, reading, battery_percent = heard.uplink, heard.uplink.device, heard.reading, heard.battery_percent
    battery = {
        "battery_percent": battery_percent,
        "battery_at": uplink.heard_at,
        "battery_dev_addr": uplink.dev_addr,
        "battery_f_cnt": uplink.f_cnt,
    }
    return {
        "dev_eui": identity.dev_eui,
        "name": identity.name,
        "profile": identity.profile,
        "application": identity.application,
        "tags": identity.tags,
        "heard_at": uplink.heard_at,
        "dev_addr": uplink.dev_addr,
        "f_cnt": uplink.f_cnt,
        "dr": uplink.dr,
        "rssi": uplink.rssi,
        "snr": uplink.snr,
        "codec": heard.codec,
        "battery_volts": reading.battery_volts,
        "temperature_celsius": reading.temperature_celsius,
        "distance_mm": reading.distance_mm,
        "counter": reading.counter,
        "confidence": reading.confidence,
        "fault": reading.fault,
        "tamper": reading.tamper,
        **(battery if battery_percent is not None else {}),
    }
