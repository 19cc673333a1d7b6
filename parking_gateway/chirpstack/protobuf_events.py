"""ChirpStack's protobuf: bytes to a struct of `events`, by way of what its JSON would have been.

Every message becomes the JSON values of the same event and passes the same checks, so that an event means the same in
both forms. The only user of `chirpstack_api`, an optional dependency, imported with the first message that needs it.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from struct import Struct
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack.events import EVENTS, Event
from parking_gateway.uplink import Reason, Rejection

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS: Final = 1_000_000_000
_FLOAT32: Final = Struct("f")
_FEW: Final = 1000

Fields = dict[str, Any]


def read(name: str, payload: bytes) -> Event | Rejection:
    """The event of this name, one of `EVENTS`, or why it is none."""
    library = _library()
    if library is None:
        detail = "The payload is not JSON; to read ChirpStack's protobuf, install parking-gateway[protobuf]."
        return Rejection(reason=Reason.PROTOBUF_NOT_INSTALLED, detail=detail)
    integration, decode_error = library
    message_name, fields = _MESSAGES[name]
    try:
        message = getattr(integration, message_name).FromString(payload)
        return msgspec.convert(_common(message) | fields(message), EVENTS[name])
    except decode_error as error:
        # Protobuf has a limit of its own, 100 messages in one another, and nothing but this word to say so.
        reason = Reason.TOO_DEEP if "MaxDepth" in str(error) else Reason.MALFORMED
        return Rejection(reason=reason, detail=f"The payload is neither JSON nor protobuf that can be read: {error}.")
    except msgspec.ValidationError as error:
        return Rejection(reason=Reason.INVALID, detail=f"The `{name}` event is not valid: {error}.")


@cache
def _library() -> tuple[Any, type[Exception]] | None:
    """ChirpStack's messages and the error of their parser; None where the package is not installed."""
    try:
        return import_module("chirpstack_api.integration"), import_module("google.protobuf.message").DecodeError
    except ImportError:
        return None


def _common(message: Any) -> Fields:
    info = _part(message, "device_info")
    device_info = {
        "devEui": _text(info.dev_eui),
        "deviceName": _text(info.device_name),
        "deviceProfileName": _text(info.device_profile_name),
        "applicationName": _text(info.application_name),
        "tags": _texts(info.tags),
    }
    return {"time": _time(message), "deviceInfo": device_info}


def _up(up: Any) -> Fields:
    return {
        "deduplicationId": _text(up.deduplication_id),
        "fCnt": up.f_cnt,
        "fPort": up.f_port,
        "data": up.data,
        "dr": up.dr,
        "confirmed": up.confirmed,
        "object": _object(up.object) if up.HasField("object") else None,
        "rxInfo": [
            {"gatewayId": reception.gateway_id, "rssi": reception.rssi, "snr": _float32(reception.snr)}
            for reception in up.rx_info
        ],
    }


def _join(join: Any) -> Fields:
    return {"deduplicationId": _text(join.deduplication_id), "devAddr": _text(join.dev_addr)}


def _ack(ack: Any) -> Fields:
    return {
        "deduplicationId": _text(ack.deduplication_id),
        "queueItemId": _text(ack.queue_item_id),
        "acknowledged": ack.acknowledged,
        "fCntDown": ack.f_cnt_down,
    }


def _txack(txack: Any) -> Fields:
    return {
        "queueItemId": _text(txack.queue_item_id),
        "gatewayId": _text(txack.gateway_id),
        "fCntDown": txack.f_cnt_down,
        "downlinkId": txack.downlink_id,
    }


def _log(log: Any) -> Fields:
    return {
        "level": _enum_name(log, "level"),
        "code": _enum_name(log, "code"),
        "description": _text(log.description),
        "context": _texts(log.context),
    }


def _status(status: Any) -> Fields:
    return {
        "deduplicationId": _text(status.deduplication_id),
        "margin": status.margin,
        "externalPowerSource": status.external_power_source,
        "batteryLevelUnavailable": status.battery_level_unavailable,
        "batteryLevel": _float32(status.battery_level),
    }


def _location(event: Any) -> Fields:
    location = _part(event, "location")
    position = {
        "latitude": _float64(location.latitude),
        "longitude": _float64(location.longitude),
        "altitude": _float64(location.altitude),
        "source": _enum_name(location, "source"),
        "accuracy": _float32(location.accuracy),
    }
    return {"deduplicationId": _text(event.deduplication_id), "location": position}


_MESSAGES: Final[Mapping[str, tuple[str, Callable[[Any], Fields]]]] = {
    "up": ("UplinkEvent", _up),
    "join": ("JoinEvent", _join),
    "ack": ("AckEvent", _ack),
    "txack": ("TxAckEvent", _txack),
    "log": ("LogEvent", _log),
    "status": ("StatusEvent", _status),
    "location": ("LocationEvent", _location),
}


def _part(message: Any, field: str) -> Any:
    """A message within the message. Protobuf alone would give an empty one for one that is absent."""
    if not message.HasField(field):
        name = message.DESCRIPTOR.fields_by_name[field].json_name
        raise msgspec.ValidationError(f"Object missing required field `{name}`")
    return getattr(message, field)


def _time(message: Any) -> datetime:
    """Rounded to microseconds, half up, as msgspec rounds the nine digits of JSON: either form gives the same time."""
    time = _part(message, "time")
    seconds, nanos = time.seconds, time.nanos
    if 0 <= nanos < _NANOSECONDS:
        try:
            return _EPOCH + timedelta(seconds=seconds, microseconds=(nanos + 500) // 1000)
        except OverflowError:
            pass
    raise msgspec.ValidationError(f"{seconds} s and {nanos} ns since 1970 are no time - at `$.time`")


def _text(text: str) -> str:
    """PostgreSQL stores no NUL in text."""
    return text.replace("\0", "")


def _texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in texts.items()}


def _enum_name(message: Any, field: str) -> str:
    """The name of an enum's value, or its number where a newer ChirpStack has more of them."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)


def _float64(number: float) -> float | None:
    """No JSON has NaN or infinities: ChirpStack's shows them as null, and PostgreSQL refuses them."""
    return number if math.isfinite(number) else None


def _float32(number: float) -> float | None:
    """The shortest decimal that is this 32-bit float, as JSON shows it: 78.74016 instead of 78.74015808105469."""
    if -_FEW < number < _FEW and (4 * number).is_integer():
        return number  # a radio tells its SNR in quarters of a decibel, and those have no shorter decimal
    if not math.isfinite(number):
        return None
    for digits in range(6, 9):
        shortest = float(f"{number:.{digits}g}")
        if _FLOAT32.unpack(_FLOAT32.pack(shortest))[0] == number:
            return shortest
    return float(f"{number:.9g}")  # nine digits tell any two 32-bit floats apart


def _object(struct: Any) -> dict[str, Any]:
    return {_text(name): _value(value) for name, value in struct.fields.items()}


def _value(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return _text(value.string_value)
        case "number_value":
            return _float64(value.number_value)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _object(value.struct_value)
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case _:
            return None
