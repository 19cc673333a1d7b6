"""Devices: their identities, and the readings of themselves that are published."""

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
_SNAPSHOTS: Final = Statement(
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
_decode_snapshot: Final = msgspec.json.Decoder(Snapshot).decode


@remembered
def snapshot_of(json: str) -> Snapshot:
    """From the text of `installation.snapshot`, or of a row of `_SNAPSHOTS`."""
    return _decode_snapshot(json)


_OF_UPLINK: Final = ("name", "profile", "application", "tags", "heard_at", "dev_addr", "f_cnt", "dr", "rssi", "snr")
_OF_READING: Final = (
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
_COLUMNS: Final = [device.c[name] for name in ("dev_eui", *_OF_UPLINK, *_OF_READING, *_BATTERY)]
_BATCH: Final = table_of(*_COLUMNS)
CLOCK: Final = "clock"
"""The one value of `device.problem`: a clock is wrong."""
_LOOKED_THROUGH: Final = 1000
"""Uplinks of a device that may be later than one: more than anything sends within the hour that its clock may step back."""


def battery_of(new: Any) -> dict[str, sa.ColumnElement[Any]]:
    """What an update sets of a device's battery: the new one, if there is one and the known one is not later."""
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


def _update() -> pg.Insert:
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
        [*_COLUMNS, device.c.contact],
        # An uplink that came late changes nothing, because the row has the last values.
        sa.select(*_BATCH.c, sa.literal_column("'live'")).where(~later).order_by(_BATCH.c.dev_eui),
    )
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[device.c.dev_eui],
        set_={
            **{name: new[name] for name in _OF_UPLINK},
            **{name: sa.func.coalesce(new[name], device.c[name]) for name in _OF_READING},
            **battery_of(new),
            "contact": new.contact,
            "problem": sa.null(),
            "version": device.c.version + 1,
        },
    )


def _frame(columns: Any) -> FrameColumns:
    return FrameColumns(columns.heard_at, columns.dev_addr, columns.f_cnt)


def with_battery_of_row(snapshot: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The snapshot with the battery of the device's row, which can come from a device status."""
    percent = sa.func.coalesce(sa.func.to_jsonb(device.c.battery_percent), sa.literal_column("'null'::jsonb"))
    return sa.cast(sa.func.jsonb_set(sa.cast(snapshot, pg.JSONB), _PATH_OF_BATTERY, percent), pg.JSON)


_PATH_OF_BATTERY: Final[sa.ColumnElement[Any]] = sa.literal_column(
    f"'{{{Snapshot.__struct_fields__.index('battery_percent')}}}'::text[]"
)
_UPDATE: Final = Statement(_update())

_COPIES: Final = table_of(device.c.dev_eui, device.c.heard_at, installation.c.snapshot)
_COPY: Final = Statement(
    installation.update()
    .values(snapshot=with_battery_of_row(_COPIES.c.snapshot))
    .where(
        installation.c.dev_eui == _COPIES.c.dev_eui,
        # Unless the uplink came late and changed nothing.
        device.c.dev_eui == _COPIES.c.dev_eui,
        device.c.heard_at == _COPIES.c.heard_at,
    )
)


_IS_GIVEN: Final = device.c.dev_eui.in_(listed("dev_euis", sa.Text))
_MARK_CLOCK: Final = Statement(
    device.update()
    .values(problem=CLOCK, version=device.c.version + 1)
    .where(_IS_GIVEN, device.c.problem.is_distinct_from(CLOCK))
)
_LOSE: Final = Statement(
    device.update()
    .values(contact=Contact.LOST, version=device.c.version + 1)
    .where(_IS_GIVEN, device.c.contact == Contact.LIVE)
)
# Without a snapshot the next uplink that counts is published, and ends the problem.
_FORGET: Final = Statement(
    installation.update()
    .values(snapshot=sa.null())
    .where(installation.c.dev_eui.in_(listed("dev_euis", sa.Text)), installation.c.snapshot.is_not(None))
)


def mark_clock(devices: Collection[DevEui]) -> list[Query[None]]:
    """Mark that a clock is wrong: uplinks of these devices count as older although their counters are higher."""
    given = {"dev_euis": array_of(list(devices))}
    return [command(_MARK_CLOCK, given), command(_FORGET, given)]


def lose(devices: Collection[DevEui]) -> list[Query[None]]:
    """Mark the contact of these devices as lost. Their next uplink is published, because it has no snapshot."""
    given = {"dev_euis": array_of(list(devices))}
    return [command(_LOSE, given), command(_FORGET, given)] if devices else []


def snapshots(devices: Collection[DevEui]) -> Query[dict[DevEui, Snapshot]]:
    """The last published snapshots of those of these devices that are live. Installed ones have theirs in `Locked`."""
    return Query(statement=_SNAPSHOTS, arguments={"dev_euis": array_of(list(devices))}, read=_snapshots)


def update(readings: Iterable[DeviceReading], snapshots: Mapping[DevEui, Snapshot]) -> list[Query[None]]:
    """Write the devices' rows from readings, which are in the order of uplinks, and their snapshots. New devices are added."""
    rows: dict[DevEui, dict[str, Any]] = {}
    for one in readings:
        values = {name: value for name, value in _row(one).items() if value is not None}
        rows[one.uplink.device.dev_eui] = rows.get(one.uplink.device.dev_eui, {}) | values
    copies = arguments(
        dev_eui=list(snapshots),
        heard_at=[one.heard_at for one in snapshots.values()],
        snapshot=[json_of(one) for one in snapshots.values()],
    )
    return [command(_UPDATE, encode(_BATCH, rows.values())), command(_COPY, copies)]


def _snapshots(rows: Rows) -> dict[DevEui, Snapshot]:
    return {dev_eui: snapshot_of(json) for dev_eui, json in rows}


def _row(one: DeviceReading) -> dict[str, Any]:
    uplink, identity, reading, battery_percent = one.uplink, one.uplink.device, one.reading, one.battery_percent
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
        "codec": one.codec,
        "battery_volts": reading.battery_volts,
        "temperature_celsius": reading.temperature_celsius,
        "distance_mm": reading.distance_mm,
        "counter": reading.counter,
        "confidence": reading.confidence,
        "fault": reading.fault,
        "tamper": reading.tamper,
        **(battery if battery_percent is not None else {}),
    }
