"""A connection to the broker as the tasks see it: batches in, acknowledgements and confirmed publications out.

A link is a scope. What is left unacknowledged when it ends, the broker sends again over the next one.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from parking_gateway.broker.client import Client
from parking_gateway.broker.message import Message
from parking_gateway.config.mqtt import MqttConfig
from parking_gateway.publication import Publication

MqttError = aiomqtt.MqttError
"""What a broker that is away, restarting or refusing looks like; OSError beside it."""

_REFUSED: Final = 0x80
"""SUBACK codes from here on are refusals, in MQTT 3.1.1 and 5."""
_UNSUPPORTED: Final = (1, 0x84)
"""CONNACK codes for a protocol version that the broker does not know, in MQTT 3.1.1 and 5."""


class Link:
    """One connection, from CONNACK to its loss."""

    def __init__(self, client: Client, *, protocol: str, window: int) -> None:
        self.protocol = protocol
        self._client = client
        self._window = min(window, client.receive_maximum)
        self._is_receiving = True
        self._publishing = asyncio.Lock()

    @property
    def session_present(self) -> bool:
        """Whether the broker remembered us: if not, it may have forgotten its retained messages as well."""
        return self._client.session_present

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken yet."""
        return len(self._client.inbox)

    @property
    def dropped(self) -> int:
        """Messages of QoS 0 that were dropped because the inbox was full."""
        return self._client.dropped

    async def subscribe(self, topic_filter: str) -> None:
        """Subscribe at QoS 1. Raises MqttError when the broker refuses."""
        for code in await self._client.subscribe(topic_filter, qos=1):
            value = code if isinstance(code, int) else code.value
            if value >= _REFUSED:
                raise aiomqtt.MqttError(f"The broker refuses the subscription to {topic_filter}: {code}")

    async def batches(self, *, limit: int) -> AsyncIterator[list[Message]]:
        """What has come, up to `limit` messages at a time, until `stop_receiving` or the loss of the connection.

        A batch is whatever came while the last one was worked on: one message when it is quiet, many under load.
        """
        while self._is_receiving:
            await self._client.wait_for_messages()
            if not self._client.is_connected:
                raise self._client.lost()
            if batch := self._take(limit):
                yield batch

    def _take(self, limit: int) -> list[Message]:
        if not self._is_receiving:
            return []
        inbox = self._client.inbox
        batch = inbox[:limit]
        del inbox[:limit]
        return batch

    def acknowledge(self, batch: Sequence[Message]) -> None:
        """Tell the broker that these messages are safe with us."""
        self._client.acknowledge(batch)

    def stop_receiving(self) -> None:
        """End `batches` after the batch that is being worked on."""
        self._is_receiving = False
        self._client.interrupt()

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish at QoS 1, so many at a time as the broker accepts, and return when all are confirmed."""
        async with self._publishing:
            remaining = iter(publications)
            while window := list(islice(remaining, self._window)):
                await self._client.publish_all(window)


@asynccontextmanager
async def connected(config: MqttConfig, *, will: Publication, inbox_limit: int, window: int) -> AsyncIterator[Link]:
    """Connect, with MQTT 5 if the broker speaks it, and disconnect at the end. Raises MqttError or OSError."""
    client, protocol = await _connect(config, will, inbox_limit, window)
    try:
        yield Link(client, protocol=protocol, window=window)
    finally:
        await client.__aexit__(None, None, None)


async def _connect(config: MqttConfig, will: Publication, inbox_limit: int, window: int) -> tuple[Client, str]:
    if config.protocol != "auto":
        return await _client(config, config.protocol, will, inbox_limit, window).__aenter__(), config.protocol
    try:
        return await _client(config, "5", will, inbox_limit, window).__aenter__(), "5"
    except aiomqtt.exceptions.MqttConnectError as refused:
        if not _may_be_old(refused):
            raise
        return await _client(config, "3.1.1", will, inbox_limit, window).__aenter__(), "3.1.1"


def _may_be_old(refused: aiomqtt.exceptions.MqttConnectError) -> bool:
    """Whether the broker may not know MQTT 5: it says so, or it hung up without a word."""
    value = refused.rc if isinstance(refused.rc, int) else getattr(refused.rc, "value", None)
    return value in _UNSUPPORTED or "Unspecified" in str(refused.rc)


def _client(config: MqttConfig, protocol: str, will: Publication, inbox_limit: int, window: int) -> Client:
    version: dict[str, Any]
    if protocol == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's is untyped
        properties.SessionExpiryInterval = round(config.session_expiry.total_seconds())
        properties.ReceiveMaximum = config.receive_maximum
        version = {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}
    else:
        version = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": not config.session_expiry}
    return Client(
        config.host,
        inbox_limit=inbox_limit,
        is_direct=config.direct,
        port=config.port,
        username=config.username,
        password=config.password.get_secret_value() if config.password else None,
        identifier=config.client_id,
        will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain),
        transport="websockets" if config.websocket_path else "tcp",
        websocket_path=config.websocket_path,
        tls_context=_tls(config) if config.is_encrypted else None,
        timeout=config.timeout.total_seconds(),
        keepalive=round(config.keepalive.total_seconds()),
        max_inflight_messages=window,
        **version,
    )


def _tls(config: MqttConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=config.ca_file)
    if config.cert_file:
        context.load_cert_chain(config.cert_file, config.key_file)
    return context
