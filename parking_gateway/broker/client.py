"""aiomqtt with what it has no public way for: acknowledging later, whole batches, and one wait for many confirmations.

Every touch of a private name of aiomqtt 2.5 or paho 2 is in this file. When aiomqtt 3, which acknowledges by hand, is
stable, this file goes.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from parking_gateway.broker.message import Message
from parking_gateway.broker.packets import Cut, puback, publish
from parking_gateway.broker.stream import Stream
from parking_gateway.publication import Publication

_NO_LIMIT: Final = 65_535
_REFUSED: Final = 0x80
"""Reason codes from here on are refusals."""


class PublicationRefused(aiomqtt.MqttError):
    """The broker answered a publication with a refusal. The message says which topic and why."""


class Client(aiomqtt.Client):
    """One connection. Messages collect in `inbox` until somebody takes them."""

    def __init__(self, hostname: str, *, inbox_limit: int, is_direct: bool, **settings: Any) -> None:
        self._is_direct = is_direct
        self._is_v5 = settings["protocol"] is aiomqtt.ProtocolVersion.V5
        super().__init__(hostname, **settings)
        self._client.manual_ack_set(True)  # noqa: FBT003 - paho's signature
        self.inbox: list[Message] = []
        self.dropped = 0
        """Messages of QoS 0 that came while the inbox was full: their publisher chose not to be answered."""
        self.session_present = False
        self.receive_maximum = _NO_LIMIT
        self._inbox_limit = inbox_limit
        self._waiting: asyncio.Future[None] | None = None
        self._unconfirmed: dict[int, str] = {}
        self._confirmed: asyncio.Future[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands, as far as anybody can know."""
        return not self._disconnected.done()

    async def wait_for_messages(self) -> None:
        """Return when the inbox holds something, when the connection is lost, or when `interrupt` is called."""
        if self.inbox or not self.is_connected:
            return
        self._waiting = self._loop.create_future()
        self._disconnected.add_done_callback(self._wake)
        try:
            await self._waiting
        finally:
            self._disconnected.remove_done_callback(self._wake)
            self._waiting = None

    def interrupt(self) -> None:
        """Wake whoever waits for messages."""
        self._wake()

    def lost(self) -> aiomqtt.MqttError:
        """The error that says why the connection ended."""
        error = self._disconnected.exception() if self._disconnected.done() else None
        return error if isinstance(error, aiomqtt.MqttError) else aiomqtt.MqttError(f"Connection lost: {error}")

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send the PUBACKs of these messages, in their order, as one write."""
        packets = puback(message.mid for message in messages if message.qos)
        if packets and self.is_connected:
            self._client._packet_queue(MessageType.PUBACK, packets, 0, 0)  # noqa: SLF001 - see the module's docstring

    async def publish_all(self, publications: Sequence[Publication]) -> None:
        """Publish at QoS 1 and return when the broker has confirmed every one.

        Raises MqttError when the connection is lost or the broker is silent, PublicationRefused when it says no.
        """
        if not publications:
            return
        if not self.is_connected:
            raise self.lost()
        self._confirmed = self._loop.create_future()
        self._disconnected.add_done_callback(self._give_up)
        try:
            if self._is_direct:
                self._send(publications)
            else:
                self._send_by_paho(publications)
            await self._wait_for(self._confirmed, timeout=None)
        finally:
            self._disconnected.remove_done_callback(self._give_up)
            self._unconfirmed.clear()
            self._confirmed = None

    def _send(self, publications: Sequence[Publication]) -> None:
        packets = []
        for one in publications:
            mid = self._client._mid_generate()  # noqa: SLF001 - see the module's docstring
            self._unconfirmed[mid] = one.topic
            packets.append(publish(one.topic, one.payload, mid=mid, retain=one.retain, is_v5=self._is_v5))
        self._client._packet_queue(MessageType.PUBLISH, b"".join(packets), 0, 1)  # noqa: SLF001 - as above

    def _send_by_paho(self, publications: Sequence[Publication]) -> None:
        for one in publications:
            sent = self._client.publish(one.topic, one.payload, qos=1, retain=one.retain)
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise aiomqtt.MqttCodeError(sent.rc, f"Could not publish on {one.topic}")
            self._unconfirmed[sent.mid] = one.topic

    def _confirm(self, mid: int, reason: ReasonCode | int) -> None:
        topic = self._unconfirmed.pop(mid, None)
        if topic is None or self._confirmed is None or self._confirmed.done():
            return
        code = reason if isinstance(reason, int) else reason.value
        if code >= _REFUSED:
            said = ReasonCode(PacketTypes.PUBACK, identifier=code)
            self._confirmed.set_exception(PublicationRefused(f"{topic}: {said}"))
        elif not self._unconfirmed:
            self._confirmed.set_result(None)

    def _wake(self, _: object = None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _give_up(self, _: object = None) -> None:
        if self._confirmed is not None and not self._confirmed.done():
            self._confirmed.set_exception(self.lost())

    def _on_message(self, client: Paho, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002 - paho's
        if message.qos == 0 and len(self.inbox) >= self._inbox_limit:
            self.dropped += 1
            return
        self.inbox.append(Message(message.topic, bytes(message.payload), message.mid, message.qos, message.dup))
        self._wake()

    def _on_publish(
        self,
        client: Paho,  # noqa: ARG002 - paho's signature
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002
    ) -> None:
        self._confirm(mid, reason_code)

    def _take(self, cut: Cut) -> None:
        for confirmation in cut.confirmations:
            self._confirm(confirmation.mid, confirmation.reason)
        if cut.messages:
            self.inbox += cut.messages
            self._wake()

    def _on_socket_open(self, client: Paho, userdata: Any, sock: Any) -> None:
        if self._is_direct:
            client._sock = Stream(sock, is_v5=self._is_v5, deliver=self._take)  # noqa: SLF001 - see the module's docstring
        super()._on_socket_open(client, userdata, sock)

    def _on_connect(
        self,
        client: Paho,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.session_present = flags.session_present
        self.receive_maximum = getattr(properties, "ReceiveMaximum", _NO_LIMIT)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Paho,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        # A broker that does not know MQTT 5 hangs up without an answer; aiomqtt would wait its whole timeout for one.
        if not self._connected.done():
            self._connected.set_exception(MqttConnectError(reason_code))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
