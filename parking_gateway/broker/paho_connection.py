"""The part of a connection that `fast` and `plain` share: from CONNECT to its end, over aiomqtt and paho.

aiomqtt makes paho's client, connects, subscribes and unsubscribes. paho calls the methods that begin with `_on_` in the
event loop's thread, from within `PahoLoop`.
"""

import asyncio
import math
import ssl
from abc import abstractmethod
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from typing_extensions import override

from parking_gateway.broker import certificates, private, reasons, wire
from parking_gateway.broker.answers import Answers
from parking_gateway.broker.connection import BrokerConnection
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.message import Message, retained, without_its_end
from parking_gateway.broker.packets import Cut, PacketLimits
from parking_gateway.broker.paho_loop import PahoLoop
from parking_gateway.broker.properties import of_paho
from parking_gateway.broker.reasons import Complaints, ProtocolUnknown
from parking_gateway.broker.stream import Stream
from parking_gateway.core.printable import in_one_line

_NO_LIMIT: Final = 65_535
FAREWELL_SECONDS: Final = 2.0
"""Seconds that we give a broker to read what we sent last."""

Answer = TypeVar("Answer")


class PahoConnection(BrokerConnection):
    """All of `BrokerConnection` but `send` and `acknowledge`."""

    def __init__(
        self,
        client: aiomqtt.Client,
        address: wire.Address,
        *,
        is_v5: bool,
        inbox: Inbox,
        limits: PacketLimits,
        complaints: Complaints,
    ) -> None:
        """`client` is not connected yet, and logs to `complaints`."""
        self.inbox = inbox
        self.answers = Answers()
        self.timeout = client.timeout
        self.opening = self.answering = client.timeout
        """Seconds for the socket with its handshakes, and for the answer to CONNECT."""
        self.session_present = False
        self.receive_maximum = _NO_LIMIT
        self.shares = True
        self.retains = True
        self.session_seconds: int | None = None
        self._client = client
        self._paho = private.paho_of(client)
        self._address = address
        self._is_v5 = is_v5
        self._limits = limits
        self._complaints = complaints
        self._connected: asyncio.Future[None] = asyncio.Future()
        self._ended: asyncio.Future[None] = asyncio.Future()
        self._loop = PahoLoop(self._paho, inbox, fail=self._fail)
        self._wire: wire.Wire
        # aiomqtt's own callbacks stay for the answers to `subscribe` and `unsubscribe` only.
        self._paho.manual_ack_set(True)  # noqa: FBT003 - paho's signature
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = self._on_disconnect
        self._paho.on_message = self._on_message
        self._paho.on_publish = self._on_publish

    @abstractmethod
    def _cut(self, data: bytes) -> Cut:
        """Cut complete packets off the beginning of the stream, and part ours from paho's."""

    @override
    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        return self

    @override
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            if exc_type is None and self.is_connected:
                await self._disconnect()
        finally:
            await self._close()

    @property
    @override
    def is_connected(self) -> bool:
        return not self._ended.done()

    @override
    def lost(self) -> BaseException:
        return self._ended.exception() or aiomqtt.MqttError("Disconnected")

    @override
    def is_silent(self, seconds: float) -> bool:
        return self._loop.is_silent(seconds)

    @override
    def read_on(self) -> None:
        self._loop.read_on()

    @override
    async def subscribe(self, topic_filters: Sequence[str]) -> list[str]:
        subscribing = self._client.subscribe([(one, 1) for one in topic_filters], timeout=math.inf)
        codes: Sequence[ReasonCode | int] = await self._answer(
            subscribing, f"the subscription to {', '.join(topic_filters)}"
        )
        answers = list(zip(topic_filters, codes, strict=False))
        for topic_filter, code in answers:
            if refusal := reasons.subscription_refused(topic_filter, code):
                raise refusal
        return [topic_filter for topic_filter, code in answers if code == 0]

    @override
    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        unsubscribing = self._client.unsubscribe(list(topic_filters), timeout=math.inf)
        await self._answer(unsubscribing, "the end of a subscription")

    async def _answer(self, question: Coroutine[Any, Any, Answer], name: str) -> Answer:
        """The broker's answer. aiomqtt alone would wait for it also after the end of the connection."""
        asking = asyncio.create_task(question)
        ends: list[asyncio.Future[Any]] = [asking, self._ended]
        try:
            await asyncio.wait(ends, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
            if not self.is_connected:
                raise self.lost()
            if not asking.done():
                raise aiomqtt.MqttError(f"The broker gave no answer to {name}")
            return asking.result()
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            _retrieve(asking)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.opening):
                self._wire = await wire.opened(self._address)
        except TimeoutError:
            raise aiomqtt.MqttError(f"{self._address} does not answer") from None
        except (ssl.SSLError, ConnectionResetError) as error:
            if refusal := self._refusal_of_tls(in_one_line(error)):
                raise aiomqtt.MqttError(refusal) from error
            raise
        stream = Stream(self._wire, is_v5=self._is_v5, cut=self._cut, deliver=self._deliver, limits=self._limits)
        private.connect_over(self._client, stream)
        try:
            async with asyncio.timeout(self.answering):
                await self._connected
        except TimeoutError:
            raise self._not_answered() from None

    def _not_answered(self) -> aiomqtt.MqttError:
        """Some brokers without MQTT 5 hang up, others send nothing. With TLS 1.3, a broker refuses our certificate now."""
        if refusal := self._refusal_of_tls(self._complaints.last.strip(" ()")):
            return aiomqtt.MqttError(refusal)
        version = "5" if self._is_v5 else "3.1.1"
        return ProtocolUnknown(f"The broker gave no answer to MQTT {version}{self._complaints.last}")

    def _refusal_of_tls(self, error: str) -> str | None:
        return certificates.in_words(error, self._address) if self._address.tls else None

    async def _disconnect(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS), wire.read_to_the_end(self._wire):
                self._paho.disconnect()
                await asyncio.wait([self._ended])

    async def _close(self) -> None:
        private.hang_up(self._paho)
        self._end(None)
        _retrieve(self._connected)
        _retrieve(self._ended)
        await self._loop.end()

    def _fail(self, bug: Exception) -> None:
        private.hang_up(self._paho)
        self._end(bug)

    def _end(self, error: BaseException | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
        self.inbox.wake()
        self.answers.wake()

    def _deliver(self, cut: Cut) -> None:
        for confirmation in cut.confirmations:
            self.answers.put(confirmation.mid, confirmation.reason)
        if cut.messages and cut.messages[0].qos:
            self.inbox.put(cut.messages)
        elif cut.messages:
            self.inbox.put_or_drop(cut.messages[0])  # a large one, which is alone

    def _on_connect(
        self, _paho: Paho, _data: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._connected.done():
            return
        if reason.is_failure:
            self._connected.set_exception(reasons.connection_refused(reason, properties))
            return
        self.session_present = flags.session_present
        self.receive_maximum = getattr(properties, "ReceiveMaximum", _NO_LIMIT)
        self.shares = getattr(properties, "SharedSubscriptionAvailable", 1) == 1
        self.retains = getattr(properties, "RetainAvailable", 1) == 1
        self.session_seconds = getattr(properties, "SessionExpiryInterval", None)
        self._connected.set_result(None)

    def _on_disconnect(
        self, _paho: Paho, _data: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(self._not_answered())
        if flags.is_disconnect_packet_from_server:
            self._end(reasons.connection_ended(reason, properties))
        elif reason.is_failure:
            self._end(reasons.connection_lost(reason, self._complaints.last))
        else:
            self._end(None)

    def _on_message(self, _paho: Paho, _data: Any, message: MQTTMessage) -> None:
        topic, payload = private.topic_of(message), bytes(message.payload)
        one = Message(topic, payload, message.mid, message.qos, message.dup, None, of_paho(message.properties))
        if message.retain:
            one = retained(one)
        if len(payload) > self._limits.payload:
            one = without_its_end(one)
        if one.qos:
            self.inbox.put([one])
        else:
            self.inbox.put_or_drop(one)

    def _on_publish(
        self, _paho: Paho, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.answers.put(mid, reason)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Look at its exception. Without this, asyncio logs that the exception was never retrieved."""
    if future.done() and not future.cancelled():
        future.exception()
