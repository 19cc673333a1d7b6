"""Chooses the connection that the configuration asks for: fast or plain, in MQTT 5 or 3.1.1, with or without TLS."""

from datetime import timedelta
from typing import Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from parking_gateway.broker.certificates import context_of
from parking_gateway.broker.connection import BrokerConnection
from parking_gateway.broker.fast import FastConnection
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.packets import PacketLimits
from parking_gateway.broker.plain import PlainConnection
from parking_gateway.broker.properties import for_paho
from parking_gateway.broker.reasons import Complaints
from parking_gateway.broker.wire import Address
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config.mqtt import MqttConfig

_WILL_DELAY: Final = 1
"""Seconds (MQTT 5)."""


def connection_of(  # noqa: PLR0913 - the limits of one connection
    config: MqttConfig,
    protocol: str,
    *,
    will: Publication | None,
    inbox: Inbox,
    limits: PacketLimits,
    window: int,
    patience: timedelta | None = None,
) -> BrokerConnection:
    """The connection for this version of MQTT, not made yet. Raises MqttError where the files of TLS cannot be used.

    `window` is the number of publications that may be under way at a time. `patience` is as `link.connected` has it.
    """
    is_v5 = protocol == "5"
    complaints = Complaints()
    client = aiomqtt.Client(
        config.host,
        config.port,
        logger=complaints.logger,
        username=config.username,
        password=config.password.get_secret_value() if config.password else None,
        identifier=config.client_id,
        will=_will(will, is_v5=is_v5) if will else None,
        timeout=config.timeout.total_seconds(),
        keepalive=round(config.keepalive.total_seconds()),
        max_inflight_messages=window,
        **(_version_5(config, limits) if is_v5 else _version_3(config)),
    )
    address = Address(
        host=config.host,
        port=config.port,
        tls=context_of(config) if config.is_encrypted else None,
        websocket_path=config.websocket_path,
        has_others=patience is not None,
    )
    chosen = FastConnection if config.direct else PlainConnection
    made = chosen(client, address, is_v5=is_v5, inbox=inbox, limits=limits, complaints=complaints)
    if patience is not None:
        # A node that does not answer in either version takes as much time as one that cannot be reached.
        made.opening, made.answering = patience.total_seconds(), patience.total_seconds() / 2
    return made


def _version_5(config: MqttConfig, limits: PacketLimits) -> dict[str, Any]:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's is untyped
    properties.SessionExpiryInterval = round(config.session_expiry.total_seconds())
    properties.ReceiveMaximum = config.receive_maximum
    properties.MaximumPacketSize = limits.packet
    return {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}


def _version_3(config: MqttConfig) -> dict[str, Any]:
    return {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": not config.session_expiry}


def _will(will: Publication, *, is_v5: bool) -> aiomqtt.Will:
    properties = None
    if is_v5:
        # Without a delay, Artemis does not publish the will before the session ends, a week later. The delay also keeps
        # "offline" from dashboards if the connection is back at once.
        properties = for_paho(will.properties, PacketTypes.WILLMESSAGE)
        properties.WillDelayInterval = _WILL_DELAY
    return aiomqtt.Will(will.topic, will.payload, 1, will.retain, properties)
