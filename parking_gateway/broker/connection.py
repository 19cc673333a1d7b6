"""One connection to a broker, from its making to its end: aiomqtt's, and why it was lost in words."""

import asyncio
import logging
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from parking_gateway.broker import wire
from parking_gateway.broker.answers import Answers
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.reasons import (
    Complaints,
    ProtocolUnknown,
    connection_ended,
    connection_lost,
    connection_refused,
)

_NO_LIMIT: Final = 65_535
_FAREWELL: Final = 2.0
"""Seconds that we give a broker to read what we sent last."""


class Connection(aiomqtt.Client):
    """Made when it is entered, ended when it is left. Its end wakes all who wait at its `inbox` or `answers`."""

    def __init__(
        self,
        hostname: str,
        *,
        inbox: Inbox,
        tls: ssl.SSLContext | None,
        websocket_path: str | None,
        **settings: Any,
    ) -> None:
        self._complaints = Complaints()
        logger = logging.Logger("mqtt", logging.ERROR)  # noqa: LOG001 - one for each connection
        logger.addHandler(self._complaints)
        super().__init__(hostname, logger=logger, **settings)
        self.inbox = inbox
        self.answers = Answers()
        self.session_present = False
        self.receive_maximum = _NO_LIMIT
        self.shares = True
        """Whether the broker does not deny that it knows shared subscriptions (MQTT 5)."""
        self._is_v5 = settings["protocol"] is aiomqtt.ProtocolVersion.V5
        self._tls = tls
        self._websocket_path = websocket_path
        self._wire: wire.Wire

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
        socket = self._socket()
        self._client._create_socket = lambda: socket  # type: ignore[method-assign] # noqa: SLF001
        self._client_connect()
        try:
            async with asyncio.timeout(self.timeout):
                await self._connected
        except TimeoutError:
            raise self._not_answered() from None

    def _socket(self) -> Any:
        """What paho reads and writes, over `_wire`."""
        return self._wire

    def _not_answered(self) -> ProtocolUnknown:
        """So do brokers behave that do not know MQTT 5: some hang up, some only say nothing."""
        version = "5" if self._is_v5 else "3.1.1"
        return ProtocolUnknown(f"The broker gave no answer to MQTT {version}{self._complaints.last}")

    async def _disconnect(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL), wire.read_to_the_end(self._wire):
                self._client.disconnect()
                await asyncio.wait([self._disconnected])

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
        for ended in self._pending_unsubscribes.values():
            ended.set()

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
        self.shares = getattr(properties, "SharedSubscriptionAvailable", 1) == 1
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
            self._end(connection_ended(reason_code, properties))
        elif reason_code.is_failure:
            self._end(connection_lost(reason_code, self._complaints.last))
        else:
            self._end(None)
