"""Errors and refusals of the broker, in words for a person."""

import logging
from typing import Final

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_REFUSED: Final = 0x80
"""Reason codes from here on are refusals, in MQTT 3.1.1 and 5."""
_CREDENTIALS: Final = "see mqtt.username and mqtt.password"
_HINTS: Final = {
    "Bad user name or password": _CREDENTIALS,
    "Not authorized": _CREDENTIALS,
    "QoS not supported": "it has to take QoS 1 (Mosquitto: max_qos 1)",
}


class ProtocolUnknown(aiomqtt.MqttError):
    """The broker may not know this version of MQTT: it refused the connection for it, hung up, or sent no answer."""


class BrokerRefuses(aiomqtt.MqttError):
    """The broker refuses the connection or a subscription, until a person changes the broker or the configuration."""


class ConnectionClosed(aiomqtt.MqttError):
    """The broker closed the connection and gave no reason."""


class InboxFull(aiomqtt.MqttError):
    """The broker sent more at once than is kept in memory. Another connection to the same node brings it again."""


class SessionTakenOver(aiomqtt.MqttError):
    """The broker ended the connection, because another client connected with our client id (MQTT 5)."""


class Refusal(msgspec.Struct, frozen=True):
    """A publication that the broker answered with a refusal (MQTT 5)."""

    topic: str
    reason: str
    """In words for a person."""


class Complaints(logging.Handler):
    """Keeps the last error that paho logged, because paho gives the cause of a lost connection nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""
        """In brackets, to be appended to a sentence."""
        self.logger = logging.Logger("mqtt", logging.ERROR)  # noqa: LOG001 - each connection has one of its own
        """The logger whose errors are kept."""
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = f" ({record.getMessage()})"


def connection_refused(reason: ReasonCode, properties: Properties | None) -> aiomqtt.MqttError:
    """For a CONNACK that refuses the connection."""
    if reason == "Unsupported protocol version":
        return ProtocolUnknown("The broker does not know this version of MQTT")
    words = [in_words(reason, properties), *(hint for name, hint in _HINTS.items() if reason == name)]
    return BrokerRefuses(f"The broker refuses the connection: {'; '.join(words)}")


def connection_lost(reason: ReasonCode, complaint: str) -> aiomqtt.MqttError:
    """For a connection that ended without a reason of the broker's."""
    if reason != "Unspecified error":
        return aiomqtt.MqttError(f"The connection to the broker was lost: {reason}{complaint}")
    if complaint:
        return aiomqtt.MqttError(f"The connection to the broker was lost{complaint}")
    return ConnectionClosed("The broker closed the connection")


def connection_ended(reason: ReasonCode, properties: Properties | None) -> aiomqtt.MqttError:
    """For a DISCONNECT of the broker (MQTT 5)."""
    kind = SessionTakenOver if reason == "Session taken over" else aiomqtt.MqttError
    return kind(f"The broker ended the connection: {in_words(reason, properties)}")


def subscription_refused(topic_filter: str, reason: ReasonCode | int) -> aiomqtt.MqttError | None:
    """For one code of a SUBACK; None if it grants the subscription."""
    if reason < _REFUSED:
        return None
    return BrokerRefuses(f"The broker refuses the subscription to {topic_filter}: {reason}")


def publication_refused(topic: str, reason: ReasonCode | int) -> Refusal | None:
    """For a PUBACK; None if the broker took the publication."""
    if reason < _REFUSED:
        return None
    code = reason if isinstance(reason, int) else reason.value
    try:
        name = str(ReasonCode(PacketTypes.PUBACK, identifier=code))
    except (KeyError, ValueError):  # not a code of PUBACK
        name = f"reason code {code}"
    return Refusal(topic, name)


def in_words(reason: ReasonCode, properties: Properties | None) -> str:
    """The reason, with the broker's own words if there are any."""
    words = getattr(properties, "ReasonString", None)
    return f"{reason} ({words})" if words else str(reason)
