"""Reads many retained messages over one asking link: as many filters at a time as the caller has, in bounded memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from parking_gateway.broker.link import Link
from parking_gateway.broker.message import Message

PAGE: Final = 500
"""Topics or messages at a time. Half of the 1,000 messages that Mosquitto queues for a client by default."""
_SILENCE: Final = 2.0
"""Seconds without a message after which the last one counts as not retained."""

Take = Callable[[Sequence[Message]], Awaitable[None]]


async def read(link: Link, topic_filters: Sequence[str], *, last: str, take: Take) -> bool:
    """Give `take` what the broker retains for these filters, until the retained message on `last` has come.

    `last` is the last filter of the packet, so its message comes behind the others. False: it did not come, because the
    broker drops messages that do not fit into its queue. A batch is acknowledged after `take`, so that the broker sends no more than the caller takes.
    """
    link.acknowledge(link.received())
    subscribing = asyncio.create_task(link.subscribe(*topic_filters, last))
    try:
        is_whole = await _take_until(link, last, take, subscribing)
        await subscribing
    finally:
        subscribing.cancel()
        await asyncio.wait([subscribing])
    await link.unsubscribe([*topic_filters, last])
    return is_whole


async def _take_until(link: Link, last: str, take: Take, subscribing: asyncio.Task[list[str]]) -> bool:
    while True:
        batch = await _next(link)
        if not batch:
            if subscribing.done():
                return False
            continue
        await take(batch)
        link.acknowledge(batch)
        if any(message.topic == last for message in batch):
            return True


async def _next(link: Link) -> list[Message]:
    """The messages that came meanwhile, or the next ones; none after a silence."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SILENCE):
            async for batch in link.batches(limit=PAGE):
                return batch
            link.refill()
    return []
