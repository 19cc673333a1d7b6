"""Converts values of protobuf to those of JSON, so that both forms of an event give the same result."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS: Final = 1_000_000_000
_FLOAT32: Final = Struct("f")
_FEW: Final = 1000


def part_of(message: Any, field: str) -> Any:
    """Return a nested message. Raises `msgspec.ValidationError` if it is absent; protobuf would return an empty one."""
    if not message.HasField(field):
        name = message.DESCRIPTOR.fields_by_name[field].json_name
        raise msgspec.ValidationError(f"Object missing required field `{name}`")
    return getattr(message, field)


def time_of(message: Any) -> datetime:
    """Return the `time` of an event."""
    timestamp = message.time
    if not timestamp.seconds:
        part_of(message, "time")  # raises if it is absent; a time after 1970 is there
    time = time_from(timestamp)
    if time is None:
        raise msgspec.ValidationError(
            f"{timestamp.seconds} s and {timestamp.nanos} ns since 1970 is no time - at `$.time`"
        )
    return time


def time_from(timestamp: Any) -> datetime | None:
    """Return the time of a `google.protobuf.Timestamp`; None if there is no such time.

    Rounded to microseconds, half up, as msgspec rounds the nine digits of JSON, so that both forms give the same time.
    """
    nanos = timestamp.nanos
    if 0 <= nanos < _NANOSECONDS:
        try:
            return _EPOCH + timedelta(0, timestamp.seconds, (nanos + 500) // 1000)
        except OverflowError:
            pass
    return None


def device_info_of(info: Any) -> dict[str, Any]:
    """Return the `deviceInfo` of an event."""
    return {
        "devEui": storable_text(info.dev_eui),
        "deviceName": storable_text(info.device_name),
        "deviceProfileName": storable_text(info.device_profile_name),
        "applicationName": storable_text(info.application_name),
        "applicationId": storable_text(info.application_id),
        "tags": storable_texts(info.tags),
    }


def storable_text(text: str) -> str:
    """Remove NULs, because PostgreSQL does not store them."""
    return text.replace("\0", "")


def storable_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Remove NULs from tags or from the context of a log."""
    return {storable_text(name): storable_text(text) for name, text in texts.items()}


def enum_name_of(message: Any, field: str) -> str:
    """Return the name of an enum's value, or its number if a newer ChirpStack has added it."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)


def float64_of(number: float) -> float | None:
    """Replace NaN and infinities by None, because ChirpStack's JSON has null for them and PostgreSQL refuses them."""
    return number if math.isfinite(number) else None


def float32_of(number: float) -> float | None:
    """Return the shortest decimal of a 32-bit float, as JSON has it: 78.74016 instead of 78.74015808105469."""
    if -_FEW < number < _FEW and (4 * number).is_integer():
        return number  # an SNR comes in quarters of a decibel, and those have no shorter decimal
    if not math.isfinite(number):
        return None
    for digits in range(6, 9):
        shortest = float(f"{number:.{digits}g}")
        if _FLOAT32.unpack(_FLOAT32.pack(shortest))[0] == number:
            return shortest
    return float(f"{number:.9g}")  # nine digits are enough for any 32-bit float


def object_of(struct: Any) -> dict[str, Any]:
    """Convert a `google.protobuf.Struct`, the output of ChirpStack's own codec."""
    return {storable_text(name): _value_of(value) for name, value in struct.fields.items()}


def _value_of(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return storable_text(value.string_value)
        case "number_value":
            return float64_of(value.number_value)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return object_of(value.struct_value)
        case "list_value":
            return [_value_of(item) for item in value.list_value.values]
        case _:
            return None
