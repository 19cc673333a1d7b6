"""The gateway's end of a connection to the broker's double. `broker.link.Link` works on it as on any other."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from typing_extensions import override

from parking_gateway.broker.answers import Answers
from parking_gateway.broker.connection import BrokerConnection
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.link import MqttError
from parking_gateway.broker.message import Message
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config.mqtt import MqttConfig
from tests.simulation.broker import Broker, Client
from tests.simulation.faults import Fault

_LOST: Final = "The connection to the broker is lost"


class SimulatedConnection(BrokerConnection):
    """One connection."""

    def __init__(
        self, broker: Broker, config: MqttConfig, inbox: Inbox, acknowledging: Callable[[Sequence[Message]], None]
    ) -> None:
        """`acknowledging` is called with events before they are acknowledged."""
        self.inbox = inbox
        self.answers = Answers()
        self.timeout = config.timeout.total_seconds()
        self.session_present = False
        self.receive_maximum = 20
        self.shares = self.retains = True
        self.session_seconds = None
        self._broker = broker
        self._world = broker.world
        self._has_session = bool(config.session_expiry)
        self._acknowledging = acknowledging
        self._is_connected = False
        self._asked: dict[asyncio.Future[Any], None] = {}
        """The questions that are not answered."""
        self._sent = 0
        self._arrives = 0.0
        self._client = Client(
            config.client_id, receive_maximum=config.receive_maximum, take=self._take, gone=self._gone
        )

    @override
    async def __aenter__(self) -> Self:
        await asyncio.sleep(self._world.way())
        if self._broker.is_away:
            raise MqttError("Connection refused")
        self._is_connected = True
        self.session_present = await self._round_trip(lambda: self._broker.connect(self._client))
        return self

    @override
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._is_connected = False
        self._broker.close(self._client, is_for_good=not self._has_session)

    @property
    @override
    def is_connected(self) -> bool:
        return self._is_connected

    @override
    def lost(self) -> BaseException:
        return MqttError(_LOST)

    @override
    def is_silent(self, seconds: float) -> bool:
        return True

    @override
    def read_on(self) -> None:
        """It is always read at full speed."""

    @override
    async def subscribe(self, topic_filters: Sequence[str]) -> list[str]:
        await self._round_trip(lambda: self._subscribe(topic_filters))
        return []

    @override
    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        def end() -> None:
            session = self._broker.sessions.get(self._client.client_id)
            for one in topic_filters:
                if session is not None:
                    session.filters.pop(one, None)

        await self._round_trip(end)

    @override
    def acknowledge(self, messages: Sequence[Message]) -> None:
        if not self._is_connected:
            return
        self._acknowledging([one for one in messages if not one.is_retained])
        numbers = [one.mid for one in messages if one.qos]
        if self._world.faults.strikes(Fault.ACKNOWLEDGEMENT_LOST):
            self._broker.close(self._client)
            return
        self._send(lambda: self._broker.acknowledged(self._client, numbers))
        if self._world.faults.strikes(Fault.POWER_CUT):
            self._world.power_cut()

    @override
    def send(self, publications: Sequence[Publication]) -> None:
        if not self._is_connected:
            raise self.lost()
        numbered = list(enumerate(publications, self._sent + 1))
        for number, one in numbered:
            self.answers.expect(number, one.topic)
        self._sent += len(numbered)
        self._send(lambda: self._publish(numbered))

    def _publish(self, numbered: Sequence[tuple[int, Publication]]) -> None:
        """At the broker: take publications and answer them, or hang up in their midst."""
        faults, taken = self._world.faults, []
        for number, one in numbered:
            if faults.strikes(Fault.PUBLICATION_LOST):
                self._broker.close(self._client)
                break
            if one.retain:
                self._broker.retain(one.topic, one.payload)
            else:
                self._broker.published.append((one.topic, one.payload))
            if faults.strikes(Fault.ANSWER_OF_BROKER_LOST):
                self._broker.close(self._client)
                break
            taken.append(number)

        def answered() -> None:
            for number in taken:
                self.answers.put(number, 0)

        self._world.at(self._client.arrival(self._world), answered)

    def _subscribe(self, topic_filters: Sequence[str]) -> None:
        session = self._broker.sessions.get(self._client.client_id)
        if session is None:
            return
        found: list[Message] = []
        for one in topic_filters:
            session.filters[one] = None
            if one.startswith("$share/"):
                continue
            found += [
                Message(topic, payload, 0, 0, is_redelivered=False, is_retained=True)
                for topic, payload in self._broker.retained_on(one)
            ]
        if found:
            self._world.at(self._client.arrival(self._world), lambda: self._take(found))

    async def _round_trip(self, work: Callable[[], Any]) -> Any:
        """Have the broker do something, and wait for its answer."""
        if not self._is_connected:
            raise self.lost()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done() -> None:
            result = work()
            self._world.at(self._client.arrival(self._world), lambda: answered(result))

        def answered(result: Any) -> None:
            if not answer.done():
                answer.set_result(result)

        self._send(done)
        self._asked[answer] = None
        try:
            return await answer
        finally:
            del self._asked[answer]

    def _send(self, work: Callable[[], None]) -> None:
        """Let a packet of ours arrive at the broker, behind those before it, unless the connection ends before."""
        self._arrives = max(self._world.time() + self._world.way(), self._arrives + 1e-6)
        self._world.at(self._arrives, lambda: work() if self._client.is_connected else None)

    def _take(self, messages: list[Message]) -> None:
        if self._is_connected:
            self.inbox.put(messages)

    def _gone(self) -> None:
        self._is_connected = False
        for one in self._asked:
            if not one.done():
                one.set_exception(self.lost())
        self.inbox.wake()
        self.answers.wake()
