"""Reads ChirpStack's protobuf: from bytes to the values of the same event in JSON, and from there to our own values.

So both forms of an event pass the same checks and give the same result. Uplinks have a faster way, `protobuf_uplinks`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack import protobuf_uplinks
from parking_gateway.chirpstack.events import EVENTS, meaning
from parking_gateway.chirpstack.optional_fields import without_wrong_fields
from parking_gateway.chirpstack.protobuf_mending import mended
from parking_gateway.chirpstack.protobuf_messages import Messages, messages
from parking_gateway.chirpstack.protobuf_values import (
    device_info_of,
    enum_name_of,
    float32_of,
    float64_of,
    part_of,
    storable_text,
    storable_texts,
    time_of,
)
from parking_gateway.core.events import DeviceEvent, Reason, Rejection, Uplink

JsonFields = dict[str, Any]
"""Fields of an event as its JSON has them."""


def read(name: str, payload: bytes, received_at: datetime, reach: timedelta) -> Uplink | DeviceEvent | Rejection:
    """Read an event, whose name is one of `EVENTS`, or return why it is rejected."""
    known = messages()
    if known is None:
        detail = "The payload is not JSON; to read ChirpStack's protobuf, install parking-gateway[protobuf]."
        return Rejection(reason=Reason.PROTOBUF_NOT_INSTALLED, detail=detail)
    try:
        return _event(name, payload, received_at, reach, known)
    except known.error as error:
        if again := _read_again(name, payload, received_at, reach, known):
            return again
        # Protobuf refuses more than 100 nested messages, and only this word of its message names the cause.
        reason = Reason.TOO_DEEP if "MaxDepth" in str(error) else Reason.MALFORMED
        return Rejection(reason=reason, detail=f"The payload is neither JSON nor readable protobuf: {error}.")
    except msgspec.ValidationError as error:
        return Rejection(reason=Reason.INVALID, detail=f"The `{name}` event is not valid: {error}.")


def _event(name: str, payload: bytes, received_at: datetime, reach: timedelta, known: Messages) -> Uplink | DeviceEvent:
    if name == "up":
        return protobuf_uplinks.read(payload, received_at, reach, known)
    message_name, fields = _MESSAGES[name]
    message = getattr(known.events, message_name).FromString(payload)
    values = without_wrong_fields(_common(message) | fields(message), EVENTS[name])
    return meaning(name, msgspec.convert(values, EVENTS[name]), payload, received_at=received_at, reach=reach)


def _read_again(
    name: str, payload: bytes, received_at: datetime, reach: timedelta, known: Messages
) -> Uplink | DeviceEvent | None:
    """Read the event again with its text mended. None if it is still refused."""
    message_name, _ = _MESSAGES.get(name, ("UplinkEvent", None))
    try:
        text_mended = mended(payload, known.events.DESCRIPTOR.message_types_by_name[message_name])
        return _event(name, text_mended, received_at, reach, known)
    except (known.error, ValueError, IndexError):  # also msgspec's, and for bytes that are no protobuf
        return None


def _common(message: Any) -> JsonFields:
    return {"time": time_of(message), "deviceInfo": device_info_of(part_of(message, "device_info"))}


def _join(join: Any) -> JsonFields:
    return {"deduplicationId": storable_text(join.deduplication_id), "devAddr": storable_text(join.dev_addr)}


def _ack(ack: Any) -> JsonFields:
    return {
        "deduplicationId": storable_text(ack.deduplication_id),
        "queueItemId": storable_text(ack.queue_item_id),
        "acknowledged": ack.acknowledged,
        "fCntDown": ack.f_cnt_down,
    }


def _txack(txack: Any) -> JsonFields:
    return {
        "queueItemId": storable_text(txack.queue_item_id),
        "gatewayId": storable_text(txack.gateway_id),
        "fCntDown": txack.f_cnt_down,
        "downlinkId": txack.downlink_id,
    }


def _log(log: Any) -> JsonFields:
    return {
        "level": enum_name_of(log, "level"),
        "code": enum_name_of(log, "code"),
        "description": storable_text(log.description),
        "context": storable_texts(log.context),
    }


def _status(status: Any) -> JsonFields:
    return {
        "deduplicationId": storable_text(status.deduplication_id),
        "margin": status.margin,
        "externalPowerSource": status.external_power_source,
        "batteryLevelUnavailable": status.battery_level_unavailable,
        "batteryLevel": float32_of(status.battery_level),
    }


def _location(event: Any) -> JsonFields:
    location = part_of(event, "location")
    position = {
        "latitude": float64_of(location.latitude),
        "longitude": float64_of(location.longitude),
        "altitude": float64_of(location.altitude),
        "source": enum_name_of(location, "source"),
        "accuracy": float32_of(location.accuracy),
    }
    return {"deduplicationId": storable_text(event.deduplication_id), "location": position}


_MESSAGES: Final[Mapping[str, tuple[str, Callable[[Any], JsonFields]]]] = {
    "join": ("JoinEvent", _join),
    "ack": ("AckEvent", _ack),
    "txack": ("TxAckEvent", _txack),
    "log": ("LogEvent", _log),
    "status": ("StatusEvent", _status),
    "location": ("LocationEvent", _location),
}
