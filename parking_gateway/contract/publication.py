"""One message for the broker, with the properties that MQTT 5 lets it carry."""

from typing import Final

import msgspec


class MessageProperties(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Properties of a message in MQTT 5, as they came or as they are sent. In MQTT 3.1.1 there are none."""

    response_topic: str | None = None
    """Where the reply is expected."""
    correlation_data: bytes | None = None
    """Copied from a request to its reply."""
    content_type: str | None = None
    expiry_seconds: int | None = None
    """From when the broker took the message; a received one has what is left."""
    user: tuple[tuple[str, str], ...] = ()
    """Names and values. A name can occur several times."""


NO_PROPERTIES: Final = MessageProperties()
"""Shared by all messages without properties, such as ChirpStack's."""


class Publication(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message for the broker, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool
    properties: MessageProperties = NO_PROPERTIES
