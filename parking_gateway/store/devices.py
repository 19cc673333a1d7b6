"""Devices: what they last said of themselves, and what the network server says of them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from decoders import Reading
from parking_gateway.store.rejections import digest_of
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import device, device_event
from parking_gateway.uplink import DeviceEvent, EventKind, Uplink

NOTHING_SAID: Final = Reading()


class Heard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device's uplink and, where a codec read it, what it said of itself."""

    uplink: Uplink
    codec: str | None = None
    reading: Reading = NOTHING_SAID


class EventMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A device event with the message that carried it."""

    event: DeviceEvent
    topic: str
    payload: bytes


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
_SENT: Final = ("name", "profile", "application", "tags", "heard_at", "f_cnt", "dr", "rssi", "snr")
_HEARD: Final = [device.c[name] for name in ("dev_eui", *_SENT, *_SAID)]
_HEARD_BATCH: Final = table_of(*_HEARD)


def _hear() -> pg.Insert:
    insert = pg.insert(device).from_select(
        [*_HEARD, device.c.contact, device.c.announced_at],
        sa.select(*_HEARD_BATCH.c, sa.literal("live", sa.Text), _HEARD_BATCH.c.heard_at).order_by(
            _HEARD_BATCH.c.dev_eui
        ),
    )
    new = insert.excluded
    # A subscriber hears of a device when something matters, and else as often as the interval says.
    is_worth_telling = sa.or_(
        device.c.contact != "live",
        device.c.name != new.name,
        sa.func.coalesce(new.battery_percent, device.c.battery_percent).is_distinct_from(device.c.battery_percent),
        sa.func.coalesce(new.codec, device.c.codec).is_distinct_from(device.c.codec),
        device.c.announced_at.is_(None),
        new.heard_at >= device.c.announced_at + sa.bindparam("interval", type_=sa.Interval),
    )
    return insert.on_conflict_do_update(
        index_elements=[device.c.dev_eui],
        set_={
            **{name: new[name] for name in _SENT},
            **{name: sa.func.coalesce(new[name], device.c[name]) for name in _SAID},
            "contact": "live",
            "version": device.c.version + sa.case((is_worth_telling, 1), else_=0),
            "announced_at": sa.case((is_worth_telling, new.heard_at), else_=device.c.announced_at),
        },
        where=sa.or_(device.c.heard_at.is_(None), new.heard_at >= device.c.heard_at),
    )


_HEAR: Final = _hear()

_EVENTS: Final = table_of(*device_event.c)
_RECORD_EVENTS: Final = (
    pg.insert(device_event)
    .from_select(list(device_event.c), sa.select(*_EVENTS.c).order_by(_EVENTS.c.digest))
    .on_conflict_do_nothing()
)

_TOLD: Final = ("battery_percent", "external_power", "margin_db", "joined_at", "last_error", "last_error_at")
_TOLD_OF: Final = [device.c[name] for name in ("dev_eui", "name", "profile", "application", *_TOLD)]
_TOLD_BATCH: Final = table_of(*_TOLD_OF)


def _tell() -> pg.Insert:
    insert = pg.insert(device).from_select(_TOLD_OF, sa.select(*_TOLD_BATCH.c).order_by(_TOLD_BATCH.c.dev_eui))
    new = insert.excluded
    battery = sa.func.coalesce(new.battery_percent, device.c.battery_percent)
    return insert.on_conflict_do_update(
        index_elements=[device.c.dev_eui],
        set_={
            **{name: sa.func.coalesce(new[name], device.c[name]) for name in _TOLD},
            "version": device.c.version + sa.case((battery.is_distinct_from(device.c.battery_percent), 1), else_=0),
        },
    )


_TELL: Final = _tell()


async def hear(connection: AsyncConnection, heard: Iterable[Heard], *, announce_every: timedelta) -> None:
    """Keep what the devices last said. One that nobody knew becomes known, unassigned."""
    rows: dict[str, dict[str, Any]] = {}
    for one in sorted(heard, key=lambda one: (one.uplink.time, one.uplink.f_cnt)):
        row = _heard_row(one)
        earlier = rows.get(one.uplink.device.dev_eui)
        if earlier is not None:
            row = earlier | {name: value for name, value in row.items() if value is not None}
        rows[one.uplink.device.dev_eui] = row
    await connection.execute(_HEAR, encode(rows.values()) | {"interval": announce_every})


async def record_events(connection: AsyncConnection, messages: Iterable[EventMessage]) -> None:
    """Keep the events, each once however often MQTT delivers it, and what they say of the devices last."""
    by_digest = {digest_of(message.topic, message.payload): message.event for message in messages}
    await connection.execute(_RECORD_EVENTS, encode(_event_row(*item) for item in by_digest.items()))
    told: dict[str, dict[str, Any]] = {}
    for event in sorted(by_digest.values(), key=lambda event: event.time):
        row = told.setdefault(event.device.dev_eui, dict.fromkeys(_TOLD))
        row |= {name: value for name, value in _told_row(event).items() if value is not None}
    await connection.execute(_TELL, encode(told.values()))


def _heard_row(heard: Heard) -> dict[str, Any]:
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
        "battery_percent": None if reading.battery_percent is None else round(reading.battery_percent),
        "battery_volts": reading.battery_volts,
        "temperature_celsius": reading.temperature_celsius,
        "distance_mm": reading.distance_mm,
        "counter": reading.counter,
        "confidence": reading.confidence,
        "fault": reading.fault,
        "tamper": reading.tamper,
    }


def _event_row(digest: object, event: DeviceEvent) -> dict[str, Any]:
    return {
        "digest": digest,
        "dev_eui": event.device.dev_eui,
        "time": event.time,
        "received_at": event.received_at,
        "kind": event.kind,
        "level": event.level,
        "code": event.code,
        "description": event.description,
        "deduplication_id": event.deduplication_id,
        "details": event.details,
    }


def _told_row(event: DeviceEvent) -> dict[str, Any]:
    is_error = event.kind is EventKind.LOG and event.level == "ERROR"
    return {
        "dev_eui": event.device.dev_eui,
        "name": event.device.name,
        "profile": event.device.profile,
        "application": event.device.application,
        "battery_percent": None if event.battery_percent is None else round(event.battery_percent),
        "external_power": event.external_power,
        "margin_db": event.margin_db,
        "joined_at": event.time if event.kind is EventKind.JOIN else None,
        "last_error": f"{event.code}: {event.description}" if is_error else None,
        "last_error_at": event.time if is_error else None,
    }
