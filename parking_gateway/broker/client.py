"""aiomqtt with what it has no public way for: acknowledging later, whole batches, and writing many packets at once.

Every touch of a private name of aiomqtt 2.5 or paho 2 is in this file, in `connection` and in `wire`. When aiomqtt 3,
which acknowledges by hand, is stable, all three go. All of it runs in the event loop's thread: paho calls the methods that
begin with `_on_` from within `loop_read`, `loop_write` and `loop_misc`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from parking_gateway.broker.connection import Connection
from parking_gateway.broker.message import Message, without_its_end
from parking_gateway.broker.packets import Cut, PacketLimits, puback, publish
from parking_gateway.broker.reasons import subscription_refused
from parking_gateway.broker.stream import Stream
from parking_gateway.contract.publication import Publication

_AHEAD_BYTES: Final = 2 << 20
"""In the inbox, from which on reading is slower. A message that waits behind many others has left the processor's cache when its
turn comes, which makes an uplink a tenth dearer."""
_BREATH: Final = 0.01
"""Seconds between two reads then, unless messages are taken before: a full inbox is read in 4 s, because the answers to our
publications come behind the messages."""
_MISC_INTERVAL: Final = 1.0
"""Seconds between two looks at keepalive."""


class Client(Connection):
    """A connection with what comes and goes over it. It fills `inbox` and `answers`."""

    def __init__(self, hostname: str, *, is_direct: bool, limits: PacketLimits, **settings: Any) -> None:
        super().__init__(hostname, **settings)
        self._client.manual_ack_set(True)  # noqa: FBT003 - paho's signature
        self._is_direct = is_direct
        self._limits = limits
        self._heard_at = 0.0
        self._next_read: asyncio.TimerHandle | None = None
        """While reading is slower."""

    def _socket(self) -> Any:
        return Stream(
            self._wire, is_v5=self._is_v5, limits=self._limits, deliver=self._deliver, is_direct=self._is_direct
        )

    # What the broker sends

    def _on_socket_open(self, client: Paho, userdata: Any, sock: Any) -> None:  # noqa: ARG002 - paho's
        self._loop.add_reader(sock, self._read)
        self._misc_task = self._loop.create_task(self._misc_loop())

    def is_silent(self, seconds: float) -> bool:
        """Whether the broker has sent nothing for so long. Its answers come behind the messages that it sent before."""
        return self._loop.time() - self._heard_at >= seconds

    def _read(self) -> None:
        self._heard_at = self._loop.time()
        try:
            while True:
                self._client.loop_read()
                if self._slows_down():
                    return
                pending = getattr(self._client.socket(), "pending", None)  # what left the socket and is not read yet
                if pending is None or not pending():
                    return
        except Exception as bug:  # noqa: BLE001 - an error in a callback reaches nobody; `lost` gives it to the tasks
            self._client._sock_close()  # noqa: SLF001
            self._end(bug)

    def _slows_down(self) -> bool:
        socket = self._client.socket()
        if socket is None or self.inbox.is_closed or self.inbox.size < _AHEAD_BYTES:
            return False
        self._loop.remove_reader(socket)
        if self._next_read is None:
            self._next_read = self._loop.call_later(_BREATH, self._read_again)
        return True

    def read_on(self) -> None:
        """Read at full speed again if enough messages were taken."""
        if self._next_read is not None and self.inbox.size < _AHEAD_BYTES:
            self._next_read.cancel()
            self._read_again()

    def _read_again(self) -> None:
        self._next_read = None
        socket = self._client.socket()
        if socket is not None:
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
        if len(one.payload) > self._limits.payload:
            one = without_its_end(one)
        if one.qos:
            self.inbox.put([one])
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
        if cut.messages and cut.messages[0].qos:
            self.inbox.put(cut.messages)
        elif cut.messages:
            self.inbox.put_or_drop(cut.messages[0])  # a large one, which is alone

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

    async def unsubscribe_from(self, topic_filters: Sequence[str]) -> None:
        """Unsubscribe, as one packet. Raises MqttError when the broker is silent or lost."""
        if not self.is_connected:
            raise self.lost()
        code, mid = self._client.unsubscribe(list(topic_filters))
        if mid is None:
            raise aiomqtt.MqttCodeError(code, f"Could not unsubscribe from {topic_filters}")
        answered = asyncio.Event()
        with self._pending_call(mid, answered, self._pending_unsubscribes):
            try:
                async with asyncio.timeout(self.timeout):
                    await answered.wait()
            except TimeoutError:
                raise aiomqtt.MqttError("The broker gave no answer to the end of a subscription") from None
        if not self.is_connected:
            raise self.lost()

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
