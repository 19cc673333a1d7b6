"""The load of a trial: uplinks of a car park, each in the ledger before it is sent and once the broker has confirmed it.

A publisher that loses its connection sends again what was not confirmed, as a network server at QoS 1 does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from typing import Final
from uuid import UUID, uuid4

import aiomqtt

from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.ledger import Ledger, SentUplink
from parking_gateway.cli.demo.publisher import connected_client, send
from parking_gateway.register.entries import Place
from tests.events import NOON, OCCUPIED, VACANT, topic_of, up

_TICK: Final = 0.05
_AGAIN: Final = 0.1
"""Seconds until the publisher connects again."""
_CONNECTING: Final = 2.0
"""Seconds for a connection. A broker that ends meanwhile leaves aiomqtt waiting for all of them, if paho has closed the socket
before asyncio watches it, and a trial would measure that."""
_AT_ONCE: Final = 200
_MINUTE: Final = timedelta(minutes=1)


def traffic(devices: Sequence[str]) -> Iterator[TimedEvent]:
    """Uplinks of now from these devices in turn, without end: a car comes, a car goes.

    The id of each has the id of the run in its upper half, and its number in the lower one.
    """
    run = uuid4().int >> 64 << 64
    for number in count():
        turn, place = divmod(number, len(devices))
        now, is_occupied = datetime.now(UTC), turn % 2 == 0
        yield TimedEvent(
            at=now,
            topic=topic_of(devices[place]),
            payload=up(
                devices[place],
                OCCUPIED if is_occupied else VACANT,
                at=(now - NOON) / _MINUTE,
                f_cnt=turn,
                deduplication_id=UUID(int=run | number),
            ),
            uplink=SentUplink(
                deduplication_id=UUID(int=run | number),
                place=Place("central", "level-1", f"A-{place + 1}"),
                seen_at=now,
                f_cnt=turn,
                is_occupied=is_occupied,
            ),
        )


class Load:
    """A publisher of uplinks. With several addresses of a broker, it takes the next one when it connects again."""

    def __init__(self, broker_urls: Sequence[str], devices: Sequence[str], ledger: Ledger) -> None:
        self._urls = cycle(broker_urls)
        self._url = next(self._urls)
        self._uplinks = traffic(devices)
        self._ledger = ledger
        self._unconfirmed: list[TimedEvent] = []

    def follow(self, uplinks: Iterator[TimedEvent]) -> None:
        """Publish these from now on, instead of the car park's."""
        self._uplinks = uplinks

    @asynccontextmanager
    async def steady(self, per_second: int) -> AsyncIterator[None]:
        """Inside, uplinks are published at this rate. The broker has confirmed all of them when it ends."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish(per_second, stop))
            try:
                yield
            finally:
                stop.set()

    async def burst(self, uplinks: int) -> None:
        """Publish so many as fast as the broker confirms them."""
        async with connected_client(self._url) as client:
            for start in range(0, uplinks, _AT_ONCE):
                await send(client, [*islice(self._uplinks, min(_AT_ONCE, uplinks - start))], self._ledger)

    async def _publish(self, per_second: int, stop: asyncio.Event) -> None:
        while self._unconfirmed or not stop.is_set():
            try:
                async with (
                    connected_client(self._url, within=_CONNECTING) as client,
                    asyncio.TaskGroup() as tasks,
                ):
                    watching = tasks.create_task(_raise_at_the_end(client))
                    await self._publish_by(client, per_second, stop)
                    watching.cancel()
            except* (aiomqtt.MqttError, OSError):
                self._url = next(self._urls)
                await asyncio.sleep(_AGAIN)  # the broker is the fault of this trial

    async def _publish_by(self, client: aiomqtt.Client, per_second: int, stop: asyncio.Event) -> None:
        seconds = asyncio.get_running_loop().time
        began, published = seconds(), 0
        while self._unconfirmed or not stop.is_set():
            await send(client, self._unconfirmed, self._ledger)
            self._unconfirmed = [
                one for one in self._unconfirmed if one.uplink.deduplication_id not in self._ledger.confirmed
            ]
            await asyncio.sleep(_TICK)
            due = min(int((seconds() - began) * per_second) - published, _AT_ONCE)
            if not stop.is_set():
                self._unconfirmed += islice(self._uplinks, due)
                published += due


async def _raise_at_the_end(client: aiomqtt.Client) -> None:
    """Raise MqttError once the connection is lost. Without this, a publication waits ten seconds for its confirmation."""
    async for _ in client.messages:
        pass
