"""The retained messages of a broker, as a new subscriber receives them."""

import asyncio
from typing import Final
from uuid import uuid4

import aiomqtt

from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.process.config.sections import PublicationConfig

ROOT: Final = PublicationConfig().root
"""The root of all published topics."""
_SUBSCRIBER_SECONDS: Final = 30


async def read_retained(broker_url: str, root: str) -> dict[str, bytes]:
    """Every retained message at and below `root`, by topic. Raises TimeoutError when the broker does not finish."""
    end = f"audit/{uuid4()}"
    found: dict[str, bytes] = {}
    async with asyncio.timeout(_SUBSCRIBER_SECONDS), connected_client(broker_url) as client:
        await client.subscribe([(f"{root}/#", 1), (end, 1)])
        # Retained messages come first, so this message marks their end.
        await client.publish(end, b"", qos=1)
        async for message in client.messages:
            topic = message.topic.value
            if topic == end:
                return found
            if message.retain:
                found[topic] = _bytes(message)
    raise AssertionError("the client's messages end with an exception only")


def _bytes(message: aiomqtt.Message) -> bytes:
    return message.payload if isinstance(message.payload, bytes) else b""
