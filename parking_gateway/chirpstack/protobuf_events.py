"""ChirpStack's protobuf: from bytes to our words, by way of what its JSON would have been.

Every event becomes the JSON values of the same event and passes the same checks, so that it means the same in both forms.
Uplinks go a shorter way, to the same end.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack import protobuf_uplinks
from parking_gateway.chirpstack.events import EVENTS, meaning
from parking_gateway.chirpstack.ornaments import without_wrong_ornaments
from parking_gateway.chirpstack.protobuf_mending import mended
from parking_gateway.chirpstack.protobuf_messages import Messages, messages
from parking_gateway.chirpstack.protobuf_values import (
    device_info_of,
    enum_name_of,
    float32_of,
    float64_of,
    part_of,
    text_of,
    texts_of,
    time_of,
)
from parking_gateway.core.events import DeviceEvent, Reason, Rejection, Uplink

Fields = dict[str, Any]


def read(name: str, payload: bytes, received_at: datetime, reach: timedelta) -> Uplink | DeviceEvent | Rejection:
    """What the event of this name, one of `EVENTS`, says, or why it says nothing."""
    known = messages()
    if known is None:
        detail = "The payload is not JSON; to read ChirpStack's protobuf, install parking-gateway[protobuf]."
        return Rejection(reason=Reason.PROTOBUF_NOT_INSTALLED, detail=detail)
    try:
        return _event(name, payload, received_at, reach, known)
    except known.error as error:
        if again := _read_again(name, payload, received_at, reach, known):
            return again
        # Protobuf has a limit of its own, 100 messages in one another, and nothing but this word to say so.
        reason = Reason.TOO_DEEP if "MaxDepth" in str(error) else Reason.MALFORMED
        return Rejection(reason=reason, detail=f"The payload is neither JSON nor protobuf that can be read: {error}.")
    except msgspec.ValidationError as error:
        return Rejection(reason=Reason.INVALID, detail=f"The `{name}` event is not valid: {error}.")


def _event(name: str, payload: bytes, received_at: datetime, reach: timedelta, known: Messages) -> Uplink | DeviceEvent:
    if name == "up":
        return protobuf_uplinks.read(payload, received_at, reach, known)
    message_name, fields = _MESSAGES[name]
    message = getattr(known.events, message_name).FromString(payload)
    said = without_wrong_ornaments(_common(message) | fields(message), EVENTS[name])
    return meaning(name, msgspec.convert(said, EVENTS[name]), payload, received_at=received_at, reach=reach)


def _read_again(
    name: str, payload: bytes, received_at: datetime, reach: timedelta, known: Messages
) -> Uplink | DeviceEvent | None:
    """The event with its text mended. None where that does not help."""
    message_name, _ = _MESSAGES.get(name, ("UplinkEvent", None))
    try:
        text_mended = mended(payload, known.events.DESCRIPTOR.message_types_by_name[message_name])
        return _event(name, text_mended, received_at, reach, known)
    except (known.error, ValueError, IndexError):  # also msgspec's, and those of what is no protobuf
        return None


def _common(message: Any) -> Fields:
    return {"time": time_of(message), "deviceInfo": device_info_of(part_of(message, "device_info"))}


def _join(join: Any) -> Fields:
    return {"deduplicationId": text_of(join.deduplication_id), "devAddr": text_of(join.dev_addr)}


def _ack(ack: Any) -> Fields:
    return {
        "deduplicationId": text_of(ack.deduplication_id),
        "queueItemId": text_of(ack.queue_item_id),
        "acknowledged": ack.acknowledged,
        "fCntDown": ack.f_cnt_down,
    }


def _txack(txack: Any) -> Fields:
    return {
        "queueItemId": text_of(txack.queue_item_id),
        "gatewayId": text_of(txack.gateway_id),
        "fCntDown": txack.f_cnt_down,
        "downlinkId": txack.downlink_id,
    }


def _log(log: Any) -> Fields:
    return {
        "level": enum_name_of(log, "level"),
        "code": enum_name_of(log, "code"),
        "description": text_of(log.description),
        "context": texts_of(log.context),
    }


def _status(status: Any) -> Fields:
    return {
        "deduplicationId": text_of(status.deduplication_id),
        "margin": status.margin,
        "externalPowerSource": status.external_power_source,
        "batteryLevelUnavailable": status.battery_level_unavailable,
        "batteryLevel": float32_of(status.battery_level),
    }


def _location(event: Any) -> Fields:
    location = part_of(event, "location")
    position = {
        "latitude": float64_of(location.latitude),
        "longitude": float64_of(location.longitude),
        "altitude": float64_of(location.altitude),
        "source": enum_name_of(location, "source"),
        "accuracy": float32_of(location.accuracy),
    }
    return {"deduplicationId": text_of(event.deduplication_id), "location": position}


_MESSAGES: Final[Mapping[str, tuple[str, Callable[[Any], Fields]]]] = {
    "join": ("JoinEvent", _join),
    "ack": ("AckEvent", _ack),
    "txack": ("TxAckEvent", _txack),
    "log": ("LogEvent", _log),
    "status": ("StatusEvent", _status),
    "location": ("LocationEvent", _location),
}
