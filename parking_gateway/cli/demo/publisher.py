"""Publishes events at QoS 1, as the network server does, and counts the confirmations of the broker in the ledger."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiomqtt

from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.process.waits import pause

Value = TypeVar("Value")

_BURST: Final = 200
"""The most messages that wait for their confirmations at a time."""
_PATIENCE: Final = 10.0
"""Seconds for an answer of the broker."""


class _CancellableClient(aiomqtt.Client):
    """aiomqtt's client, in which a cancellation always ends the wait.

    aiomqtt uses `asyncio.wait_for`, which in Python 3.11 drops a cancellation that comes together with the result. Without
    this class, the demo went on for ever after its gateway had died.
    """

    async def _wait_for(self, fut: Awaitable[Value], timeout: float | None) -> Value:  # noqa: ASYNC109 - aiomqtt's
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None


@asynccontextmanager
async def connected_client(url: str, *, within: float = _PATIENCE) -> AsyncIterator[aiomqtt.Client]:
    """A connection to the broker, with MQTT 3.1.1, which every broker supports. Raises MqttError after so many seconds."""
    place = urlsplit(url)
    client = _CancellableClient(
        place.hostname or "localhost", place.port or 1883, timeout=within, max_inflight_messages=_BURST
    )
    client.pending_calls_threshold = _BURST
    async with client:
        client.timeout = _PATIENCE
        yield client


async def send(client: aiomqtt.Client, events: Sequence[TimedEvent], ledger: Ledger) -> None:
    """Publish the events in their order, and wait until the broker has confirmed all. Raises MqttError."""
    async with asyncio.TaskGroup() as tasks:
        for event in events:
            tasks.create_task(_send(client, event, ledger))


async def publish_when_due(
    client: aiomqtt.Client, events: Iterator[TimedEvent], ledger: Ledger, *, stop: asyncio.Event
) -> None:
    """Publish each event when its time has come, until `stop`. Raises MqttError."""
    upcoming = next(events)
    while not stop.is_set():
        now = datetime.now(UTC)
        due: list[TimedEvent] = []
        while upcoming.at <= now and len(due) < _BURST:
            due.append(upcoming)
            upcoming = next(events)
        if due:
            await send(client, due, ledger)
            continue
        await pause((upcoming.at - now).total_seconds(), stop=stop)


async def _send(client: aiomqtt.Client, event: TimedEvent, ledger: Ledger) -> None:
    ledger.add_sent(event.uplink)
    await client.publish(event.topic, event.payload, qos=1)
    ledger.add_confirmed(event.uplink)
