"""What the configuration of the broker is in the words of aiomqtt, for MQTT 5 and for 3.1.1."""

import ssl
from typing import Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from parking_gateway.broker.client import Client
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.packets import PacketLimits
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config.mqtt import MqttConfig

_WILL_DELAY: Final = 1
"""Seconds (MQTT 5)."""


def client_of(
    config: MqttConfig, protocol: str, *, will: Publication | None, inbox: Inbox, limits: PacketLimits, window: int
) -> Client:
    """The client for this version of MQTT, not connected yet. Raises MqttError where the files of TLS cannot be used."""
    version: dict[str, Any]
    will_properties = None
    if protocol == "5":
        # Without a delay, Artemis does not publish the will before the session ends, a week later. The delay also keeps
        # "offline" from dashboards if the connection is back at once.
        will_properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call] # paho's is untyped
        will_properties.WillDelayInterval = _WILL_DELAY
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's is untyped
        properties.SessionExpiryInterval = round(config.session_expiry.total_seconds())
        properties.ReceiveMaximum = config.receive_maximum
        properties.MaximumPacketSize = limits.packet
        version = {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}
    else:
        version = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": not config.session_expiry}
    return Client(
        config.host,
        inbox=inbox,
        limits=limits,
        is_direct=config.direct,
        tls=_tls(config) if config.is_encrypted else None,
        websocket_path=config.websocket_path,
        port=config.port,
        username=config.username,
        password=config.password.get_secret_value() if config.password else None,
        identifier=config.client_id,
        will=aiomqtt.Will(will.topic, will.payload, 1, will.retain, will_properties) if will else None,
        timeout=config.timeout.total_seconds(),
        keepalive=round(config.keepalive.total_seconds()),
        max_inflight_messages=window,
        **version,
    )


def _tls(config: MqttConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except ssl.SSLError as error:
        raise aiomqtt.MqttError(f"mqtt.ca_file, {config.ca_file}, cannot be used: {error}") from error
    if config.cert_file is None:
        return context
    try:
        # Without the empty password OpenSSL would ask whoever sits at the terminal.
        context.load_cert_chain(config.cert_file, config.key_file, password="")
    except ssl.SSLError as error:
        raise aiomqtt.MqttError(f"mqtt.cert_file and mqtt.key_file cannot be used: {error}") from error
    return context
