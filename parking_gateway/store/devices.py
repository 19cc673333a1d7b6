"""Devices: what they are, and what they last said of themselves that was worth telling."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.device import Heard, Told
from parking_gateway.space import Contact
from parking_gateway.store.pipeline import Query, Rows, Statement, command
from parking_gateway.store.rows import arguments, array_of, encode, json_of, listed, table_of
from parking_gateway.store.tables import device, installation, uplink
from parking_gateway.uplink import DevEui

# The fields of `Told`.
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
            ),
            sa.Text,
        ),
    ).where(device.c.dev_eui.in_(listed("dev_euis", sa.Text)), device.c.contact == Contact.LIVE)
)
told_of: Final = msgspec.json.Decoder(Told).decode
"""What a column holds of it, or a row of `_TOLD`."""

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

_COPIES: Final = table_of(device.c.dev_eui, device.c.heard_at, installation.c.told)
_COPY: Final = Statement(
    installation.update()
    .values(told=_COPIES.c.told)
    .where(
        installation.c.dev_eui == _COPIES.c.dev_eui,
        # And not where what is told came late.
        device.c.dev_eui == _COPIES.c.dev_eui,
        device.c.heard_at == _COPIES.c.heard_at,
    )
)


def told(devices: Collection[DevEui]) -> Query[dict[DevEui, Told]]:
    """What was last told of those of these devices that are live. For those that watch a space, `spaces` knows it."""
    return Query(statement=_TOLD, arguments={"dev_euis": array_of(list(devices))}, read=_all_told)


def hear(heard: Iterable[Heard], told: Mapping[DevEui, Told]) -> list[Query[None]]:
    """Keep what these devices said last, each in the order of its uplinks. One that nobody knew becomes known, unassigned."""
    rows: dict[DevEui, dict[str, Any]] = {}
    for one in heard:
        said = {name: value for name, value in _row(one).items() if value is not None}
        rows[one.uplink.device.dev_eui] = rows.get(one.uplink.device.dev_eui, {}) | said
    copies = arguments(
        dev_eui=list(told),
        heard_at=[one.at for one in told.values()],
        told=[json_of(one) for one in told.values()],
    )
    return [command(_HEAR, encode(_BATCH, rows.values())), command(_COPY, copies)]


def _all_told(rows: Rows) -> dict[DevEui, Told]:
    return {dev_eui: told_of(told) for dev_eui, told in rows}


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
