"""Events of devices from the network server: each kept once however often MQTT delivers it, and their last values."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui, DeviceEvent, EventKind, EventMessage
from parking_gateway.store.batteries import is_outdone, with_battery_of_row
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rejections import digest_of
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import device, device_event, installation, space

Identity = tuple[DevEui, str, datetime]
"""What recognises an event whose bytes differ: its device, its kind and its time."""

_EVENTS: Final = table_of(*device_event.c)
_RECORD: Final = Statement(
    pg.insert(device_event)
    .from_select(list(device_event.c), sa.select(*_EVENTS.c).order_by(_EVENTS.c.digest))
    .on_conflict_do_nothing()
)

_STATUS: Final = ("external_power", "margin_db")
_ERROR: Final = ("last_error", "last_error_at")
_COLUMNS: Final = [
    device.c[name]
    for name in ("dev_eui", "name", "profile", "application", "application_id", *_STATUS, "joined_at", *_ERROR)
]
_BATCH: Final = table_of(*_COLUMNS)


def _update() -> pg.Insert:
    insert = pg.insert(device).from_select(_COLUMNS, sa.select(*_BATCH.c).order_by(_BATCH.c.dev_eui))
    new = insert.excluded
    is_late = new.last_error_at < device.c.last_error_at
    errors = {
        name: sa.case((is_late, device.c[name]), else_=sa.func.coalesce(new[name], device.c[name])) for name in _ERROR
    }
    return insert.on_conflict_do_update(
        index_elements=[device.c.dev_eui],
        set_={
            **{name: sa.func.coalesce(new[name], device.c[name]) for name in _STATUS},
            "application_id": sa.func.coalesce(new.application_id, device.c.application_id),
            "joined_at": sa.func.greatest(new.joined_at, device.c.joined_at),
            **errors,
        },
    )


_UPDATE: Final = Statement(_update())

_BATTERIES: Final = table_of(
    *(device.c[name] for name in ("dev_eui", "battery_percent", "battery_at", "battery_dev_addr", "battery_f_cnt"))
)
_CHARGED: Final = locked_by_key(device.c.dev_eui, device.c.dev_eui == _BATTERIES.c.dev_eui)
_IS_OTHER: Final = _BATTERIES.c.battery_percent.is_distinct_from(device.c.battery_percent)
_CHARGE: Final = Statement(
    device.update()
    .values(
        {name: _BATTERIES.c[name] for name in ("battery_percent", "battery_at", "battery_dev_addr", "battery_f_cnt")}
        | {"version": device.c.version + sa.case((_IS_OTHER, 1), else_=0)}
    )
    .where(
        device.c.dev_eui == _BATTERIES.c.dev_eui,
        device.c.dev_eui == _CHARGED.c.key,
        sa.or_(device.c.battery_at.is_(None), ~is_outdone(device.c, _BATTERIES.c)),
        # The space has the battery of every uplink, the device's row only that of published ones.
        ~sa.exists(
            sa.select(1)
            .select_from(installation.join(space))
            .where(
                installation.c.dev_eui == _BATTERIES.c.dev_eui,
                space.c.battery_at.is_not(None),
                is_outdone(space.c, _BATTERIES.c),
            )
        ),
    )
)
# The next uplink is compared with it.
_COPY: Final = Statement(
    installation.update()
    .values(snapshot=with_battery_of_row(installation.c.snapshot))
    .where(installation.c.dev_eui.in_(listed("dev_euis", sa.Text)), device.c.dev_eui == installation.c.dev_eui)
)
_IDENTITIES: Final = table_of(device_event.c.dev_eui, device_event.c.kind, device_event.c.time)
_RECORDED: Final = Statement(
    sa.select(device_event.c.dev_eui, device_event.c.kind, device_event.c.time).join(
        _IDENTITIES,
        sa.and_(
            *(device_event.c[name] == _IDENTITIES.c[name] for name in ("dev_eui", "kind", "time")),
        ),
    )
)


def recorded(events: Collection[Identity]) -> Query[set[Identity]]:
    """Which of these events are kept."""
    rows = [dict(zip(("dev_eui", "kind", "time"), event, strict=True)) for event in events]
    return Query(statement=_RECORDED, arguments=encode(_IDENTITIES, rows), read=_identities)


def identity_of(event: DeviceEvent) -> Identity:
    """What recognises the event."""
    return event.device.dev_eui, str(event.kind), event.time


def record(messages: Iterable[EventMessage]) -> list[Query[None]]:
    """Keep the events, each once, and write their last values into the devices' rows."""
    by_digest = {digest_of(message.topic, message.payload): message.event for message in messages}
    rows: dict[str, dict[str, Any]] = {}
    for event in _in_order(by_digest.values()):
        row = rows.setdefault(event.device.dev_eui, {})
        row |= {name: value for name, value in _device_row(event).items() if value is not None}
    batteries = {
        event.device.dev_eui: _battery(event)
        for event in _in_order(by_digest.values())
        if event.battery_percent is not None
    }
    return [
        command(_RECORD, encode(_EVENTS, (_event_row(*item) for item in by_digest.items()))),
        command(_UPDATE, encode(_BATCH, rows.values())),
        *(_charges(batteries) if batteries else ()),
    ]


def _charges(batteries: Mapping[DevEui, Mapping[str, Any]]) -> list[Query[None]]:
    return [
        command(_CHARGE, encode(_BATTERIES, batteries.values())),
        command(_COPY, {"dev_euis": array_of(list(batteries))}),
    ]


def _battery(event: DeviceEvent) -> dict[str, Any]:
    return {
        "dev_eui": event.device.dev_eui,
        "battery_percent": round(event.battery_percent or 0),
        "battery_at": event.heard_at,
        "battery_f_cnt": 0,  # it is of no frame
    }


def _in_order(events: Iterable[DeviceEvent]) -> list[DeviceEvent]:
    # Of two at once the higher battery counts, as in a space.
    return sorted(events, key=lambda event: (event.heard_at, event.battery_percent or 0))


def _event_row(digest: object, event: DeviceEvent) -> dict[str, Any]:
    return {
        "digest": digest,
        "dev_eui": event.device.dev_eui,
        "time": event.time,
        "heard_at": event.heard_at,
        "received_at": event.received_at,
        "kind": event.kind,
        "level": event.level,
        "code": event.code,
        "description": event.description,
        "deduplication_id": event.deduplication_id,
        "details": event.details,
    }


def _device_row(event: DeviceEvent) -> dict[str, Any]:
    is_error = event.kind is EventKind.LOG and event.level == "ERROR"
    return {
        "dev_eui": event.device.dev_eui,
        "name": event.device.name,
        "profile": event.device.profile,
        "application": event.device.application,
        "application_id": event.device.application_id or None,
        "external_power": event.external_power,
        "margin_db": event.margin_db,
        "joined_at": event.heard_at if event.kind is EventKind.JOIN else None,
        "last_error": f"{event.code}: {event.description}" if is_error else None,
        "last_error_at": event.heard_at if is_error else None,
    }


def _identities(rows: Rows) -> set[Identity]:
    return {(DevEui(dev_eui), kind, time) for dev_eui, kind, time in rows}
