"""Devices: what they are, and what they last said of themselves that was worth telling."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.device import Heard, Known
from parking_gateway.store.pipeline import Query, Rows, Statement, command
from parking_gateway.store.rows import array_of, encode, listed, table_of, texts_of
from parking_gateway.store.tables import device, uplink
from parking_gateway.store.words import CONTACTS
from parking_gateway.uplink import DevEui

_KNOWN: Final = Statement(
    sa.select(
        device.c.dev_eui,
        device.c.contact,
        device.c.heard_at,
        device.c.name,
        device.c.profile,
        device.c.application,
        sa.cast(device.c.tags, sa.Text),
        device.c.codec,
        device.c.battery_percent,
        device.c.fault,
        device.c.tamper,
    ).where(device.c.dev_eui.in_(listed("dev_euis", sa.Text)))
)

_SENT: Final = ("name", "profile", "application", "tags", "heard_at", "f_cnt", "dr", "rssi", "snr")
_SAID: Final = (
    "codec",
    "battery_percent",
    "battery_volts",
    "temperature_celsius",
    "distance_mm",
    "counter",
    "confidence",
    "fault",
    "tamper",
)
_HEARD: Final = [device.c[name] for name in ("dev_eui", *_SENT, *_SAID)]
_BATCH: Final = table_of(*_HEARD)


def _hear() -> pg.Insert:
    later = sa.exists().where(uplink.c.dev_eui == _BATCH.c.dev_eui, uplink.c.time > _BATCH.c.heard_at)
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
            "contact": new.contact,
            "version": device.c.version + 1,
        },
    )


_HEAR: Final = Statement(_hear())


def known(devices: Collection[DevEui]) -> Query[dict[DevEui, Known]]:
    """What is on record of those of these devices that were ever heard of."""
    return Query(statement=_KNOWN, arguments={"dev_euis": array_of(list(devices))}, read=_known)


def hear(heard: Iterable[Heard]) -> Query[None]:
    """Keep what these devices said last. One that nobody knew becomes known, unassigned."""
    rows: dict[DevEui, dict[str, Any]] = {}
    for one in sorted(heard, key=lambda one: (one.uplink.time, one.uplink.f_cnt)):
        said = {name: value for name, value in _row(one).items() if value is not None}
        rows[one.uplink.device.dev_eui] = rows.get(one.uplink.device.dev_eui, {}) | said
    return command(_HEAR, encode(_BATCH, rows.values()))


def _known(rows: Rows) -> dict[DevEui, Known]:
    return {
        dev_eui: Known(CONTACTS[contact], heard_at, name, profile, application, texts_of(tags), *rest)
        for dev_eui, contact, heard_at, name, profile, application, tags, *rest in rows
    }


def _row(heard: Heard) -> dict[str, Any]:
    uplink, identity, reading = heard.uplink, heard.uplink.device, heard.reading
    return {
        "dev_eui": identity.dev_eui,
        "name": identity.name,
        "profile": identity.profile,
        "application": identity.application,
        "tags": identity.tags,
        "heard_at": uplink.time,
        "f_cnt": uplink.f_cnt,
        "dr": uplink.dr,
        "rssi": uplink.rssi,
        "snr": uplink.snr,
        "codec": heard.codec,
        "battery_percent": heard.battery_percent,
        "battery_volts": reading.battery_volts,
        "temperature_celsius": reading.temperature_celsius,
        "distance_mm": reading.distance_mm,
        "counter": reading.counter,
        "confidence": reading.confidence,
        "fault": reading.fault,
        "tamper": reading.tamper,
    }
