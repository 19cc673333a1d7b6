"""Protobuf's values as JSON would have them, so that an event means the same in both forms."""

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
    """A message within the message. Protobuf alone would give an empty one for one that is absent."""
    if not message.HasField(field):
        name = message.DESCRIPTOR.fields_by_name[field].json_name
        raise msgspec.ValidationError(f"Object missing required field `{name}`")
    return getattr(message, field)


def time_of(message: Any) -> datetime:
    """When an event says that it was."""
    time = message.time
    if not time.seconds:
        part_of(message, "time")  # raises where it is absent, which is not asked of every uplink
    moment = moment_of(time)
    if moment is None:
        raise msgspec.ValidationError(f"{time.seconds} s and {time.nanos} ns since 1970 are no time - at `$.time`")
    return moment


def moment_of(timestamp: Any) -> datetime | None:
    """Rounded to microseconds, half up, as msgspec rounds the nine digits of JSON: either form gives the same time.

    None where a `google.protobuf.Timestamp` is no time.
    """
    nanos = timestamp.nanos
    if 0 <= nanos < _NANOSECONDS:
        try:
            return _EPOCH + timedelta(0, timestamp.seconds, (nanos + 500) // 1000)
        except OverflowError:
            pass
    return None


def device_info_of(info: Any) -> dict[str, Any]:
    """The device that an event is about."""
    return {
        "devEui": text_of(info.dev_eui),
        "deviceName": text_of(info.device_name),
        "deviceProfileName": text_of(info.device_profile_name),
        "applicationName": text_of(info.application_name),
        "tags": texts_of(info.tags),
    }


def text_of(text: str) -> str:
    """PostgreSQL stores no NUL in text."""
    return text.replace("\0", "")


def texts_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Tags, or the context of a log."""
    return {text_of(name): text_of(text) for name, text in texts.items()}


def enum_name_of(message: Any, field: str) -> str:
    """The name of an enum's value, or its number where a newer ChirpStack has more of them."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)


def float64_of(number: float) -> float | None:
    """No JSON has NaN or infinities: ChirpStack's shows them as null, and PostgreSQL refuses them."""
    return number if math.isfinite(number) else None


def float32_of(number: float) -> float | None:
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


def object_of(struct: Any) -> dict[str, Any]:
    """A `google.protobuf.Struct`: what ChirpStack's own codec made of a frame."""
    return {text_of(name): _value_of(value) for name, value in struct.fields.items()}


def _value_of(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return text_of(value.string_value)
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
