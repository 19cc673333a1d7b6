"""ChirpStack's events as structs, with the fields that the gateway needs, and their conversion to our own values.

Names and types are those of ChirpStack's `integration` messages. A default is protobuf's zero value, because ChirpStack 4.0
leaves zero values out everywhere and later versions still do in `rxInfo` and `location`. A `None` among the floats is a NaN
or an infinity, which ChirpStack's JSON shows as null. An essential number out of its range (`fPort`, `fCnt`) refuses the
event. An optional number out of its range (`dr`, `rssi`) is dropped, and the uplink is kept. An event that these structs
refuse is read again by `optional_fields`, which drops other wrong values.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from parking_gateway.chirpstack.reception import AwareTime
from parking_gateway.chirpstack.up import DeviceInfo, Unsigned32, Up
from parking_gateway.core import clocks
from parking_gateway.core.clocks import WrongClock
from parking_gateway.core.events import DeviceEvent, EventKind, Uplink
from parking_gateway.core.utc import in_utc

_LOWEST_MARGIN_DB, _HIGHEST_MARGIN_DB = -32, 31
_FULL_PERCENT: Final = 100


class Join(Struct, rename="camel"):
    """A device has joined. It has not sent with its new address yet."""

    time: AwareTime
    device_info: DeviceInfo
    deduplication_id: str = ""
    dev_addr: str = ""

    def facts(self) -> Mapping[str, Any]:
        """Return the other fields of `DeviceEvent`, beside device and time."""
        return {"deduplication_id": _uuid(self.deduplication_id), "details": {"dev_addr": self.dev_addr}}


class Ack(Struct, rename="camel"):
    """The result of a confirmed downlink. Without an acknowledgement there is no uplink, and the deduplication id is empty."""

    time: AwareTime
    device_info: DeviceInfo
    deduplication_id: str = ""
    queue_item_id: str = ""
    acknowledged: bool | None = False
    f_cnt_down: Unsigned32 | None = 0

    def facts(self) -> Mapping[str, Any]:
        """Return the other fields of `DeviceEvent`, beside device and time."""
        details = {
            "queue_item_id": self.queue_item_id,
            "acknowledged": self.acknowledged,
            "f_cnt_down": self.f_cnt_down,
        }
        return {"deduplication_id": _uuid(self.deduplication_id), "details": details}


class TxAck(Struct, rename="camel"):
    """A LoRaWAN gateway has accepted a downlink. That does not prove that the device received it. It names no uplink."""

    time: AwareTime
    device_info: DeviceInfo
    queue_item_id: str = ""
    gateway_id: str = ""
    f_cnt_down: Unsigned32 | None = 0
    downlink_id: Unsigned32 | None = 0

    def facts(self) -> Mapping[str, Any]:
        """Return the other fields of `DeviceEvent`, beside device and time."""
        details = {
            "queue_item_id": self.queue_item_id,
            "gateway_id": self.gateway_id,
            "f_cnt_down": self.f_cnt_down,
            "downlink_id": self.downlink_id,
        }
        return {"details": details}


class Log(Struct, rename="camel"):
    """A log entry of ChirpStack about a device, mostly a failure. Its context may name the uplink."""

    time: AwareTime
    device_info: DeviceInfo
    level: str = "INFO"
    code: str = "UNKNOWN"
    description: str = ""
    context: dict[str, str] = {}

    def facts(self) -> Mapping[str, Any]:
        """Return the other fields of `DeviceEvent`, beside device and time."""
        return {
            "deduplication_id": _uuid(self.context.get("deduplication_id", "")),
            "level": self.level,
            "code": self.code,
            "description": self.description,
            "details": {"context": self.context},
        }


class Status(Struct, rename="camel"):
    """A device's battery and margin, which the network has requested."""

    time: AwareTime
    device_info: DeviceInfo
    deduplication_id: str = ""
    margin: int | None = 0
    external_power_source: bool | None = False
    battery_level_unavailable: bool | None = False
    battery_level: float | None = 0.0

    def facts(self) -> Mapping[str, Any]:
        """Return the other fields of `DeviceEvent`, beside device and time."""
        level, margin = self.battery_level, self.margin
        # With either flag, 0.0 means "no battery level".
        is_known = not self.external_power_source and not self.battery_level_unavailable
        return {
            "deduplication_id": _uuid(self.deduplication_id),
            "battery_percent": level if is_known and level is not None and 0 <= level <= _FULL_PERCENT else None,
            "external_power": self.external_power_source,
            "margin_db": margin if margin is not None and _LOWEST_MARGIN_DB <= margin <= _HIGHEST_MARGIN_DB else None,
        }


Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Metres = Annotated[float, Meta(ge=-50_000_000, le=50_000_000)]
"""More than the circumference of the earth, and so more than any altitude or accuracy."""


class Position(Struct, rename="camel"):
    """ChirpStack's `common.Location`, in degrees and metres."""

    latitude: Latitude | None = 0.0
    longitude: Longitude | None = 0.0
    altitude: Metres | None = 0.0
    source: str = "UNKNOWN"
    accuracy: Metres | None = 0.0


class Location(Struct, rename="camel"):
    """The position of the device, by a geolocation service."""

    time: AwareTime
    device_info: DeviceInfo
    location: Position
    deduplication_id: str = ""

    def facts(self) -> Mapping[str, Any]:
        """Return the other fields of `DeviceEvent`, beside device and time."""
        return {"deduplication_id": _uuid(self.deduplication_id), "details": msgspec.structs.asdict(self.location)}


Event = Up | Join | Ack | TxAck | Log | Status | Location

EVENTS: Final[Mapping[str, type[Event]]] = {
    "up": Up,
    "join": Join,
    "ack": Ack,
    "txack": TxAck,
    "log": Log,
    "status": Status,
    "location": Location,
}
"""By the last level of the topic. The `integration` event of ChirpStack before 4.16 is not needed."""


def meaning(
    name: str, event: Event, payload: bytes, *, received_at: datetime, reach: timedelta
) -> Uplink | DeviceEvent:
    """Convert an event, which was read from `payload`, to our own value.

    Raises `msgspec.ValidationError` for a time that does not exist in UTC.
    """
    # ChirpStack writes times in UTC.
    time = event.time if event.time.tzinfo is UTC else in_utc(event.time)
    if time is None:
        raise msgspec.ValidationError(f"{event.time.isoformat()} does not exist in UTC - at `$.time`")
    if isinstance(event, Up):
        return event.uplink(payload, time, received_at, reach)
    _, heard_at = clocks.when(time, None, received_at, reach=reach)
    return DeviceEvent(
        kind=EventKind(name),
        device=event.device_info.identity(),
        time=time,
        heard_at=heard_at,
        received_at=received_at,
        wrong_clock=None if heard_at is time else WrongClock(claimed=time),
        **event.facts(),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        return None
