"""The properties of a message in MQTT 5, as bytes and as paho has them. Pure."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from paho.mqtt.properties import Properties

from parking_gateway.contract.publication import NO_PROPERTIES, MessageProperties

_EXPIRY: Final = 0x02
_CONTENT_TYPE: Final = 0x03
_RESPONSE_TOPIC: Final = 0x08
_CORRELATION_DATA: Final = 0x09
_USER: Final = 0x26
_PAYLOAD_FORMAT: Final = 0x01
_SUBSCRIPTION_ID: Final = 0x0B
_TOPIC_ALIAS: Final = 0x23
_MORE: Final = 0x80


def read(data: bytes) -> MessageProperties:
    """The properties of a PUBLISH, without their length.

    It stops at a property that cannot be read. No message is refused for its properties, because the broker would send it again.
    """
    found: dict[str, Any] = {}
    user: list[tuple[str, str]] = []
    position = 0
    try:
        while position < len(data):
            kind, position = data[position], position + 1
            if kind == _USER:
                name, position = _text(data, position)
                value, position = _text(data, position)
                user.append((name, value))
                continue
            field, take = _READ[kind]
            value, position = take(data, position)
            if field:
                found[field] = value
    except (KeyError, IndexError):
        pass
    return MessageProperties(**found, user=tuple(user))


def packed(properties: MessageProperties) -> bytes:
    """The same as bytes, without their length."""
    return b"".join(_packed(properties))


def of_paho(properties: Properties | None) -> MessageProperties:
    """What paho has read."""
    if properties is None or properties.isEmpty():  # type: ignore[no-untyped-call] # paho's is untyped
        return NO_PROPERTIES
    return MessageProperties(
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation_data=getattr(properties, "CorrelationData", None),
        content_type=getattr(properties, "ContentType", None),
        expiry_seconds=getattr(properties, "MessageExpiryInterval", None),
        user=tuple(getattr(properties, "UserProperty", ())),
    )


def for_paho(properties: MessageProperties, packet_type: int) -> Properties:
    """What paho shall send with a packet of this type."""
    made = Properties(packet_type)  # type: ignore[no-untyped-call] # paho's is untyped
    names = {
        "ResponseTopic": properties.response_topic,
        "CorrelationData": properties.correlation_data,
        "ContentType": properties.content_type,
        "MessageExpiryInterval": properties.expiry_seconds,
        "UserProperty": list(properties.user) or None,
    }
    for name, value in names.items():
        if value is not None:
            setattr(made, name, value)
    return made


def _packed(properties: MessageProperties) -> Iterator[bytes]:
    if properties.expiry_seconds is not None:
        yield bytes([_EXPIRY]) + properties.expiry_seconds.to_bytes(4, "big")
    if properties.content_type is not None:
        yield bytes([_CONTENT_TYPE]) + _with_length(properties.content_type.encode())
    if properties.response_topic is not None:
        yield bytes([_RESPONSE_TOPIC]) + _with_length(properties.response_topic.encode())
    if properties.correlation_data is not None:
        yield bytes([_CORRELATION_DATA]) + _with_length(properties.correlation_data)
    for name, value in properties.user:
        yield bytes([_USER]) + _with_length(name.encode()) + _with_length(value.encode())


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _binary(data: bytes, start: int) -> tuple[bytes, int]:
    begin = start + 2
    end = begin + (data[start] << 8 | data[start + 1])
    if end > len(data):
        raise IndexError
    return data[begin:end], end


def _text(data: bytes, start: int) -> tuple[str, int]:
    text, end = _binary(data, start)
    return str(text, "utf-8", "replace"), end


def _number(data: bytes, start: int) -> tuple[int, int]:
    end = start + 4
    if end > len(data):
        raise IndexError
    return int.from_bytes(data[start:end], "big"), end


def _bytes(count: int) -> Callable[[bytes, int], tuple[None, int]]:
    return lambda _, start: (None, start + count)


def _variable(data: bytes, start: int) -> tuple[None, int]:
    while data[start] >= _MORE:
        start += 1
    return None, start + 1


_READ: Final[dict[int, tuple[str, Callable[[bytes, int], tuple[Any, int]]]]] = {
    _PAYLOAD_FORMAT: ("", _bytes(1)),
    _EXPIRY: ("expiry_seconds", _number),
    _CONTENT_TYPE: ("content_type", _text),
    _RESPONSE_TOPIC: ("response_topic", _text),
    _CORRELATION_DATA: ("correlation_data", _binary),
    _SUBSCRIPTION_ID: ("", _variable),
    _TOPIC_ALIAS: ("", _bytes(2)),
}
"""How a property is read, and the field that holds it; "": we do not keep it."""
