"""The network server's side of MQTT: publishes events at QoS 1 and writes down what the broker confirmed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiomqtt

from parking_gateway.cli.demo.fleet import Event
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.process.waits import pause

Answer = TypeVar("Answer")

_BURST: Final = 200
"""So many messages wait for their confirmations at a time."""


class _Client(aiomqtt.Client):
    """aiomqtt's, in which a cancellation always ends the wait.

    `asyncio.wait_for` of Python 3.11, which aiomqtt uses, drops a cancellation that comes together with the answer. Then the
    demo went on for ever without its gateway.
    """

    async def _wait_for(self, fut: Awaitable[Answer], timeout: float | None) -> Answer:  # noqa: ASYNC109 - aiomqtt's
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[aiomqtt.Client]:
    """A connection to the broker, which speaks MQTT 3.1.1 as every broker does."""
    place = urlsplit(url)
    client = _Client(place.hostname or "localhost", place.port or 1883, max_inflight_messages=_BURST)
    client.pending_calls_threshold = _BURST
    async with client:
        yield client


async def send(client: aiomqtt.Client, events: Sequence[Event], ledger: Ledger) -> None:
    """Publish the events, in their order, and return when the broker has confirmed all. Raises MqttError."""
    async with asyncio.TaskGroup() as tasks:
        for event in events:
            tasks.create_task(_send(client, event, ledger))


async def run(client: aiomqtt.Client, events: Iterator[Event], ledger: Ledger, *, stop: asyncio.Event) -> None:
    """Publish each event when its time has come, until `stop`. Raises MqttError."""
    upcoming = next(events)
    while not stop.is_set():
        now = datetime.now(UTC)
        due: list[Event] = []
        while upcoming.at <= now and len(due) < _BURST:
            due.append(upcoming)
            upcoming = next(events)
        if due:
            await send(client, due, ledger)
            continue
        await pause((upcoming.at - now).total_seconds(), stop=stop)


async def _send(client: aiomqtt.Client, event: Event, ledger: Ledger) -> None:
    ledger.send(event.statement)
    await client.publish(event.topic, event.payload, qos=1)
    ledger.confirm(event.statement)
