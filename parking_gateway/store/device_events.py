"""What the network server says of devices: each event once however often MQTT delivers it, and what they say last."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.pipeline import Query, Statement, command
from parking_gateway.store.rejections import digest_of
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import device, device_event
from parking_gateway.uplink import DeviceEvent, EventKind


class EventMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A device event with the message that carried it."""

    event: DeviceEvent
    topic: str
    payload: bytes


_EVENTS: Final = table_of(*device_event.c)
_RECORD: Final = Statement(
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


_TELL: Final = Statement(_tell())


def record(messages: Iterable[EventMessage]) -> list[Query[None]]:
    """Keep the events, each once, and what they say of the devices last."""
    by_digest = {digest_of(message.topic, message.payload): message.event for message in messages}
    told: dict[str, dict[str, Any]] = {}
    for event in sorted(by_digest.values(), key=lambda event: event.time):
        row = told.setdefault(event.device.dev_eui, {})
        row |= {name: value for name, value in _told_row(event).items() if value is not None}
    return [
        command(_RECORD, encode(_EVENTS, (_event_row(*item) for item in by_digest.items()))),
        command(_TELL, encode(_TOLD_BATCH, told.values())),
    ]


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
