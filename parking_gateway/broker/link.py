"""A connection to the broker as the tasks see it: batches in, acknowledgements and confirmed publications out.

A link is a scope. Messages that are not acknowledged when it ends are sent again by the broker over the next one.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import islice
from typing import Final

import aiomqtt

from parking_gateway.broker.choosing import connection_of
from parking_gateway.broker.connection import BrokerConnection
from parking_gateway.broker.inbox import INBOX_BYTES, Inbox
from parking_gateway.broker.message import Message
from parking_gateway.broker.packets import PacketLimits
from parking_gateway.broker.reasons import InboxFull, ProtocolUnknown, Refusal
from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config.mqtt import MqttConfig

_RIGHT_AFTER: Final = 1.0
"""Seconds in which a broker hangs up on a publication."""

_WAITS: Final = 6
"""Times `mqtt.timeout` without any confirmation, for a broker that sends other packets meanwhile."""

ROOM_BYTES: Final = 1 << 20
"""By which a packet may be longer than the longest payload. A message that is too large by less is received and rejected,
so that people see it. A larger one is not sent by the broker (MQTT 5), or cut while it comes in."""

MqttError = aiomqtt.MqttError
"""Raised, beside OSError, for a broker that is away, restarts or refuses."""


_PARTS_OF_A_LARGE_BATCH: Final = 4
"""A large batch has this part of its limit at least. Two of them are worked on at a time, which have all that the broker sends ahead."""
_BEHIND_SECONDS: Final = 10.0
"""So that what the backlog has changed is published before topics are compared."""
_KEPT_SECONDS: Final = 2.0
"""What the broker has kept for our session comes at once after the connection. Until then nobody knows how much it is."""


class Link:
    """One connection, from CONNACK to its loss."""

    def __init__(self, connection: BrokerConnection, *, here: MqttConfig, window: int) -> None:
        self.here = here
        """The configuration with the address and the version of MQTT that are connected, for further connections."""
        self._connection = connection
        self._inbox = connection.inbox
        self._answers = connection.answers
        self._window = min(window, connection.receive_maximum)
        self._in_hand: deque[float] = deque()
        """For each batch that is not acknowledged yet: when its oldest message came."""
        self._is_receiving = True
        self._behind_until = time.monotonic() + _KEPT_SECONDS if connection.session_present else 0.0
        """On the clock of `time.monotonic`."""
        self._publishing = asyncio.Lock()
        self.suspicion = Suspicion("")
        """Set by a caller whose suspicion outlasts the connection."""
        self._last: list[str] = []
        """The topics that were sent last; `_last_at` is when, by the loop's clock."""
        self._last_at = 0.0

    @property
    def protocol(self) -> str:
        """The version of MQTT."""
        return self.here.protocol

    @property
    def session_present(self) -> bool:
        """Whether the broker had a session for us, and so kept our messages while we were away."""
        return self._connection.session_present

    @property
    def waiting(self) -> int:
        """Messages that were received and not taken yet."""
        return len(self._inbox)

    @property
    def seconds_behind(self) -> float:
        """For how long the gateway still counts as working off a backlog, because of a session that was kept, or of its last large batch.

        At most 0: it does not.
        """
        return self._behind_until - time.monotonic()

    @property
    def dropped(self) -> int:
        """Messages of QoS 0 that were dropped because the inbox was full."""
        return self._inbox.dropped

    def report_drops(self, report: Callable[[], None]) -> None:
        """Have `report` called for every message of QoS 0 that is dropped."""
        self._inbox.on_drop = report

    def oldest(self) -> float | None:
        """When the oldest message that is not acknowledged came, in seconds of `time.monotonic`. For any thread."""
        try:
            return self._in_hand[0]
        except IndexError:
            return self._inbox.oldest()

    async def subscribe(self, *topic_filters: str) -> list[str]:
        """Subscribe at QoS 1. Return the filters granted at QoS 0. Raises MqttError when the broker refuses one of them."""
        return await self._connection.subscribe(topic_filters)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """End these subscriptions, whether the session has them or not."""
        await self._connection.unsubscribe(topic_filters)

    @property
    def shares(self) -> bool:
        """Whether the broker does not deny shared subscriptions."""
        return self._connection.shares

    @property
    def retains(self) -> bool:
        """Whether the broker does not deny retained messages."""
        return self._connection.retains

    @property
    def session_seconds(self) -> int | None:
        """For how long the broker keeps our session after the connection. None: as long as we asked for, or not known."""
        return self._connection.session_seconds

    @property
    def receive_maximum(self) -> int:
        """How many publications the broker takes at a time."""
        return self._connection.receive_maximum

    async def batches(self, *, limit: int) -> AsyncIterator[list[Message]]:
        """Yield received messages, up to `limit` at a time, until `stop_receiving` or the loss of the connection.

        A batch is the messages that came while the last one was worked on: one when it is quiet, many under load. The
        iteration also ends when the inbox was too full and has been emptied. Then `refill` raises.
        """
        while self._is_receiving:
            if self._connection.is_connected and not self._inbox.is_closed:
                await self._inbox.wait()
            if not self._connection.is_connected:
                raise self._connection.lost()
            oldest = self._inbox.oldest()
            if self._is_receiving and oldest is not None:
                batch = self._inbox.take(limit)
                self._in_hand.append(oldest)
                if len(batch) >= limit / _PARTS_OF_A_LARGE_BATCH:
                    self._behind_until = time.monotonic() + _BEHIND_SECONDS
                self._connection.read_on()
                yield batch
            elif self._inbox.is_closed:
                return

    def refill(self) -> None:
        """After `batches`: raise InboxFull if messages were dropped that only another connection brings again."""
        if self._is_receiving:
            raise InboxFull("The broker sent more at once than is kept in memory: the rest comes over a new connection")

    def acknowledge(self, batch: Sequence[Message]) -> None:
        """Acknowledge these messages, because they are committed."""
        self._connection.acknowledge(batch)
        if self._in_hand:
            self._in_hand.popleft()

    def acknowledge_apart(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages of a batch that is acknowledged without them, sooner or later than they are."""
        self._connection.acknowledge(messages)

    def received(self) -> list[Message]:
        """Take all messages that were received, without waiting for more."""
        found: list[Message] = []
        while some := self._inbox.take(len(self._inbox)):
            found += some
        return found

    def stop_receiving(self) -> None:
        """End `batches` after the batch that is being worked on. Later messages are dropped; the broker sends them again."""
        self._is_receiving = False
        self._inbox.close()
        self._inbox.wake()

    async def publish(self, publications: Sequence[Publication]) -> list[Refusal]:
        """Publish at QoS 1, as many at a time as the broker accepts. Return the refusals once all are answered.

        A refusal costs the one publication. Raises MqttError when the connection is lost or the broker is silent.
        """
        async with self._publishing:
            # Publications of a cancelled call that have no answer yet count against the broker's limit as well.
            await self._all_answered()
            self._answers.refusals()
            now = asyncio.get_running_loop().time()
            if self.suspicion.is_calm(now):
                for window in _windows(publications, self._window):
                    await self._publish(window, now)
                return self._answers.refusals()
            for window in self.suspicion.windows(publications, self._window, now):
                await self._publish(window, now, is_calm=False)
                self.suspicion.taken(self._last)
            return [*self.suspicion.aside(publications, now), *self._answers.refusals()]

    async def _publish(self, window: list[Publication], now: float, *, is_calm: bool = True) -> None:
        self._last, self._last_at = [one.topic for one in window], asyncio.get_running_loop().time()
        try:
            self._connection.send(window)
            await self._all_answered()
            if not is_calm:
                # A round trip, because a broker may answer a publication and hang up on it nevertheless.
                await self._connection.unsubscribe([window[-1].topic])
        except MqttError:
            self._suspect(self._last, now)
            raise

    def _suspect(self, topics: list[str], now: float) -> None:
        self.suspicion.lost(set(topics), now)
        self._last = []

    def ended(self) -> None:
        """After the end of the connection: suspect the last publications if it was lost right after them."""
        now = asyncio.get_running_loop().time()
        if self._last and not self._connection.is_connected and now - self._last_at < _RIGHT_AFTER:
            self._suspect(self._last, now)

    async def _all_answered(self) -> None:
        waits = 0
        while missing := len(self._answers):
            if not self._connection.is_connected:
                raise self._connection.lost()
            patience = self._connection.timeout
            await self._answers.wait(patience)
            waits = waits + 1 if len(self._answers) == missing else 0
            is_over = waits >= _WAITS or (waits and self._connection.is_silent(patience))
            if is_over and self._connection.is_connected:
                raise MqttError(f"The broker did not confirm {missing} publications in time")


@asynccontextmanager
async def connected(  # noqa: PLR0913 - the limits of one connection
    config: MqttConfig,
    *,
    will: Publication | None,
    inbox_limit: int,
    window: int,
    payload_limit: int = 1 << 20,
    inbox_bytes: int = INBOX_BYTES,
    patience: timedelta | None = None,
) -> AsyncIterator[Link]:
    """Connect, with MQTT 5 if the broker knows it, and disconnect at the end. Raises MqttError or OSError.

    Of several addresses in `config`, it is the first. Of a payload longer than `payload_limit` bytes, only the beginning is
    kept. `patience` is the time in which the connection has to stand if another address can take its place; else it is
    `mqtt.timeout` for each answer.

    After an exception it hangs up instead, and the broker publishes the will.
    """

    def made_for(protocol: str) -> BrokerConnection:
        inbox = Inbox(inbox_limit, limit_bytes=inbox_bytes)
        limits = PacketLimits(payload_limit, payload_limit + ROOM_BYTES)
        return connection_of(config, protocol, will=will, inbox=inbox, limits=limits, window=window, patience=patience)

    async with AsyncExitStack() as stack:
        protocol = "5" if config.protocol == "auto" else config.protocol
        try:
            connection = await stack.enter_async_context(made_for(protocol))
        except ProtocolUnknown:
            if config.protocol != "auto":
                raise
            protocol = "3.1.1"
            connection = await stack.enter_async_context(made_for(protocol))
        link = Link(connection, here=config.model_copy(update={"protocol": protocol}), window=window)
        stack.callback(link.ended)
        yield link


def _windows(publications: Sequence[Publication], size: int) -> Iterator[list[Publication]]:
    remaining = iter(publications)
    while window := list(islice(remaining, size)):
        yield window
