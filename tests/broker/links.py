"""Connections of the gateway, and of other clients that publish and watch."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import aiomqtt

from parking_gateway.broker.choosing import connection_of
from parking_gateway.broker.inbox import INBOX_BYTES, Inbox
from parking_gateway.broker.link import ROOM_BYTES, Link, connected
from parking_gateway.broker.message import Message
from parking_gateway.broker.packets import PacketLimits
from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config.mqtt import MqttConfig

CLIENT_ID: Final = "gateway"
WILL: Final = Publication(topic="parking/v1/gateways/test", payload=b"offline", retain=True)
EVENTS: Final = "events/#"
PATIENCE: Final = 10
LOST: Final = r"The broker closed the connection|The connection to the broker was lost"


def link_to(
    url: str,
    *,
    inbox_limit: int = 1000,
    window: int = 1000,
    payload_limit: int = 1 << 20,
    inbox_bytes: int = INBOX_BYTES,
    **mqtt: Any,
) -> AbstractAsyncContextManager[Link]:
    """A connection of the gateway. All other keywords are those of `[mqtt]`."""
    return connected(
        _config(url, mqtt),
        will=WILL,
        inbox_limit=inbox_limit,
        window=window,
        payload_limit=payload_limit,
        inbox_bytes=inbox_bytes,
    )


@asynccontextmanager
async def link_with(inbox: Inbox, url: str, *, protocol: str, **mqtt: Any) -> AsyncIterator[Link]:
    """The same with an inbox of the test."""
    limits = PacketLimits(1 << 20, (1 << 20) + ROOM_BYTES)
    here = _config(url, {**mqtt, "protocol": protocol})
    made = connection_of(here, protocol, will=WILL, inbox=inbox, limits=limits, window=1000)
    async with made as connection:
        yield Link(connection, here=here, window=1000)


def _config(url: str, mqtt: dict[str, Any]) -> MqttConfig:
    return MqttConfig(url=url, **{"client_id": CLIENT_ID, "timeout": PATIENCE, **mqtt})


@asynccontextmanager
async def other(port: int, **settings: Any) -> AsyncIterator[aiomqtt.Client]:
    """Another client."""
    async with aiomqtt.Client(LOCALHOST, port, **settings) as client:
        yield client


async def publish(port: int, payloads: Sequence[bytes], *, topic: str = "events/up", qos: int = 1) -> None:
    """Publish with another client, and return when the broker has confirmed all."""
    async with other(port, max_inflight_messages=0) as client:
        client.pending_calls_threshold = len(payloads)
        for payload in payloads:
            await client.publish(topic, payload, qos=qos)


async def take(link: Link, count: int, *, limit: int = 1000) -> list[Message]:
    """Receive so many messages, or more if they come in the same batch."""
    messages: list[Message] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in link.batches(limit=limit):
            messages += batch
            if len(messages) >= count:
                return messages
    raise AssertionError("The link stopped receiving")


async def until(holds: Callable[[], bool]) -> None:
    """Give way to other tasks until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(0.005)


def payloads_of(messages: Sequence[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]
