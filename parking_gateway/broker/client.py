"""aiomqtt with what it has no public way for: acknowledging later, whole batches, and writing many packets at once.

Every touch of a private name of aiomqtt 2.5 or paho 2 is in this file and in `wire`. When aiomqtt 3, which acknowledges
by hand, is stable, both go. All of it runs in the event loop's thread: paho calls the methods that begin with `_on_` from
within `loop_read`, `loop_write` and `loop_misc`.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from parking_gateway.broker import wire
from parking_gateway.broker.answers import Answers
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.message import Message
from parking_gateway.broker.packets import Cut, puback, publish
from parking_gateway.broker.reasons import (
    Complaints,
    ProtocolUnknown,
    connection_lost,
    connection_refused,
    subscription_refused,
    told,
)
from parking_gateway.broker.stream import Stream
from parking_gateway.publication import Publication

_NO_LIMIT: Final = 65_535
_MISC_INTERVAL: Final = 1.0
"""Seconds between two looks at keepalive."""
_FAREWELL: Final = 2.0
"""Seconds that we give a broker to read what we sent last."""


class Client(aiomqtt.Client):
    """One connection: made when it is entered, ended when it is left. It fills `inbox` and `answers`."""

    def __init__(
        self,
        hostname: str,
        *,
        inbox_limit: int,
        is_direct: bool,
        tls: ssl.SSLContext | None,
        websocket_path: str | None,
        **settings: Any,
    ) -> None:
        self._complaints = Complaints()
        logger = logging.Logger("mqtt", logging.ERROR)  # noqa: LOG001 - one for each connection
        logger.addHandler(self._complaints)
        super().__init__(hostname, logger=logger, **settings)
        self._client.manual_ack_set(True)  # noqa: FBT003 - paho's signature
        self.inbox = Inbox(inbox_limit)
        self.answers = Answers()
        self.session_present = False
        self.receive_maximum = _NO_LIMIT
        self._is_direct = is_direct
        self._is_v5 = settings["protocol"] is aiomqtt.ProtocolVersion.V5
        self._tls = tls
        self._websocket_path = websocket_path
        self._wire: wire.Wire
        self._is_paused = False
        self._heard_at = 0.0

    # The life of the connection

    async def __aenter__(self) -> Self:
        """Connect. Raises MqttError or OSError; ProtocolUnknown where another version of MQTT may help."""
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Disconnect; after an exception hang up, so that the broker publishes the will."""
        try:
            if exc_type is None and self.is_connected:
                await self._disconnect()
        finally:
            await self._close()

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands, as far as anybody can know."""
        return not self._disconnected.done()

    def lost(self) -> BaseException:
        """The error that says why the connection ended: an MqttError, or a bug."""
        return self._disconnected.exception() or aiomqtt.MqttError("Disconnected")

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.timeout):
                self._wire = await wire.opened(self._hostname, self._port, tls=self._tls, path=self._websocket_path)
        except TimeoutError:
            raise aiomqtt.MqttError(f"{self._hostname}:{self._port} does not answer") from None
        socket = Stream(self._wire, is_v5=self._is_v5, deliver=self._deliver) if self._is_direct else self._wire
        self._client._create_socket = lambda: socket  # type: ignore[method-assign] # noqa: SLF001
        self._client_connect()
        try:
            async with asyncio.timeout(self.timeout):
                await self._connected
        except TimeoutError:
            raise self._not_answered() from None

    def _not_answered(self) -> ProtocolUnknown:
        """So do brokers behave that do not know MQTT 5: some hang up, some only say nothing."""
        version = "5" if self._is_v5 else "3.1.1"
        return ProtocolUnknown(f"The broker gave no answer to MQTT {version}{self._complaints.last}")

    async def _disconnect(self) -> None:
        async with wire.read_to_the_end(self._wire, seconds=_FAREWELL):
            self._client.disconnect()
            await asyncio.wait([self._disconnected], timeout=_FAREWELL)

    async def _close(self) -> None:
        self._client._sock_close()  # noqa: SLF001
        self._end(None)
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # else asyncio complains that nobody asked for it
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.wait([self._misc_task])

    def _end(self, error: BaseException | None) -> None:
        """The connection is over: whoever waits for something hears of it now."""
        if self._disconnected.done():
            return
        if error is None:
            self._disconnected.set_result(None)
        else:
            self._disconnected.set_exception(error)
        self.inbox.wake()
        self.answers.wake()
        for pending in self._pending_subscribes.values():
            if not pending.done():
                pending.set_exception(self.lost())

    def _on_connect(
        self,
        client: Paho,  # noqa: ARG002 - paho's
        userdata: Any,  # noqa: ARG002
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._connected.done():
            return
        if reason_code.is_failure:
            self._connected.set_exception(connection_refused(reason_code, properties))
            return
        self.session_present = flags.session_present
        self.receive_maximum = getattr(properties, "ReceiveMaximum", _NO_LIMIT)
        self._connected.set_result(None)

    def _on_disconnect(
        self,
        client: Paho,  # noqa: ARG002 - paho's
        userdata: Any,  # noqa: ARG002
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(self._not_answered())
        if flags.is_disconnect_packet_from_server:
            self._end(aiomqtt.MqttError(f"The broker ended the connection: {told(reason_code, properties)}"))
        elif reason_code.is_failure:
            self._end(connection_lost(reason_code, self._complaints.last))
        else:
            self._end(None)

    # What the broker sends

    def _on_socket_open(self, client: Paho, userdata: Any, sock: Any) -> None:  # noqa: ARG002 - paho's
        self._loop.add_reader(sock, self._read)
        self._misc_task = self._loop.create_task(self._misc_loop())

    def is_silent(self, seconds: float) -> bool:
        """Whether the broker has sent nothing for so long. While we read nothing, it is not the broker who is silent.

        What answers us comes behind the messages that were sent before it.
        """
        return not self._is_paused and self._loop.time() - self._heard_at >= seconds

    def _read(self) -> None:
        self._heard_at = self._loop.time()
        try:
            while not self._is_paused:
                self._client.loop_read()
                pending = getattr(self._client.socket(), "pending", None)  # what left the socket and is not read yet
                if pending is None or not pending():
                    return
        except Exception as bug:  # noqa: BLE001 - nobody hears a callback; `lost` gives it to the tasks
            self._client._sock_close()  # noqa: SLF001
            self._end(bug)

    def _pause_if_full(self) -> None:
        socket = self._client.socket()
        if self.inbox.is_full and socket is not None:
            self._is_paused = True
            self._loop.remove_reader(socket)

    def read_on(self) -> None:
        """There is space in the inbox again, perhaps."""
        socket = self._client.socket()
        if self._is_paused and not self.inbox.is_full and socket is not None:
            self._is_paused = False
            self._loop.add_reader(socket, self._read)
            self._loop.call_soon(self._read)  # for what left the socket already, of which no reader is told

    async def _misc_loop(self) -> None:
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            await asyncio.sleep(_MISC_INTERVAL)
            if not self.is_silent(_MISC_INTERVAL):
                self._client._ping_t = 0  # noqa: SLF001 - paho would wait for the answer to its ping and nothing else

    def _on_message(self, client: Paho, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002 - paho's
        # Brokers should not let a topic pass that is no UTF-8; where one does, it must not come again and again.
        topic = message._topic.decode(errors="replace")  # noqa: SLF001
        one = Message(topic, bytes(message.payload), message.mid, message.qos, message.dup)
        if one.qos:
            self.inbox.put([one])
            self._pause_if_full()
        else:
            self.inbox.put_or_drop(one)

    def _on_publish(
        self,
        client: Paho,  # noqa: ARG002 - paho's
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002
    ) -> None:
        self.answers.put(mid, reason_code)

    def _deliver(self, cut: Cut) -> None:
        for confirmation in cut.confirmations:
            self.answers.put(confirmation.mid, confirmation.reason)
        if cut.messages:
            self.inbox.put(cut.messages)
            self._pause_if_full()

    # What we send

    def _on_socket_register_write(self, client: Paho, userdata: Any, sock: Any) -> None:  # noqa: ARG002 - paho's
        # Now and not soon, as aiomqtt does: by then the socket may be closed, and its number another one's.
        self._loop.add_writer(sock, client.loop_write)

    async def subscribe_to(self, topic_filter: str) -> None:
        """Subscribe at QoS 1. Raises MqttError when the broker refuses, is silent or lost."""
        if not self.is_connected:
            raise self.lost()
        code, mid = self._client.subscribe(topic_filter, qos=1)
        if mid is None:
            raise aiomqtt.MqttCodeError(code, f"Could not subscribe to {topic_filter}")
        answered = self._loop.create_future()
        with self._pending_call(mid, answered, self._pending_subscribes):
            try:
                async with asyncio.timeout(self.timeout):
                    (reason,) = await answered
            except TimeoutError:
                raise aiomqtt.MqttError(f"The broker gave no answer to the subscription to {topic_filter}") from None
        if refusal := subscription_refused(topic_filter, reason):
            raise refusal

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send the PUBACKs of these messages, in their order, as one write; nothing over a connection that is lost."""
        packets = puback(message.mid for message in messages if message.qos)
        if packets and self.is_connected:
            self._client._packet_queue(MessageType.PUBACK, packets, 0, 0)  # noqa: SLF001

    def send(self, publications: Sequence[Publication]) -> None:
        """Send these at QoS 1. `answers` tells what becomes of them. Raises when the connection is lost."""
        if not self.is_connected:
            raise self.lost()
        if self._is_direct:
            self._send_directly(publications)
        else:
            self._send_by_paho(publications)

    def _send_directly(self, publications: Sequence[Publication]) -> None:
        packets = []
        for one in publications:
            mid = self._client._mid_generate()  # noqa: SLF001
            self.answers.expect(mid, one.topic)
            packets.append(publish(one.topic, one.payload, mid=mid, retain=one.retain, is_v5=self._is_v5))
        self._client._packet_queue(MessageType.PUBLISH, b"".join(packets), 0, 1)  # noqa: SLF001

    def _send_by_paho(self, publications: Sequence[Publication]) -> None:
        for one in publications:
            sent = self._client.publish(one.topic, one.payload, qos=1, retain=one.retain)
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise aiomqtt.MqttCodeError(sent.rc, f"Could not publish on {one.topic}")
            self.answers.expect(sent.mid, one.topic)
