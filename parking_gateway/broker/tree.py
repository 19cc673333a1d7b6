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
_BEHIND: Final = 0.5
"""Seconds without a retained message behind the last one, after which there is none."""

Take = Callable[[Sequence[Message]], Awaitable[None]]


class Tree:
    """What the broker retains, read page by page.

    The message on `last`, which is retained, is asked for behind all others. With most brokers it comes behind them too. HiveMQ
    sends the others in pieces behind it. Whether this broker does so is seen at the first page on which a message is missing.
    """

    def __init__(self, *, last: str) -> None:
        self._last = last
        self._sends_behind: bool | None = None
        """Whether retained messages come behind that on `last`. None: it is not known yet."""

    async def read(self, link: Link, topic_filters: Sequence[str], *, take: Take) -> bool:
        """Give `take` what the broker retains for these filters, until the message on `last` has come, and those behind it.

        False: it did not come, because the broker drops messages that do not fit into its queue. A batch is acknowledged after
        `take`, so that the broker sends no more than the caller takes.
        """
        link.acknowledge(link.received())
        subscribing = asyncio.create_task(link.subscribe(*topic_filters, self._last))
        missing = set(topic_filters)
        try:
            is_whole = await self._take_until_last(link, missing, take, subscribing)
            await subscribing
        finally:
            subscribing.cancel()
            await asyncio.wait([subscribing])
        if is_whole:
            await self._take_behind(link, missing, take)
        await link.unsubscribe([*topic_filters, self._last])
        return is_whole

    async def _take_until_last(
        self, link: Link, missing: set[str], take: Take, subscribing: asyncio.Task[list[str]]
    ) -> bool:
        """Take what comes, and remove its topics from the missing ones. A filter with a wildcard stays there."""
        while True:
            batch = await _next(link, _SILENCE)
            if not batch:
                if subscribing.done():
                    return False
                continue
            await _take(link, batch, missing, take)
            places = [place for place, message in enumerate(batch) if message.topic == self._last]
            if places:
                if any(message.is_retained for message in batch[places[0] + 1 :]):
                    self._sends_behind = True
                return True

    async def _take_behind(self, link: Link, missing: set[str], take: Take) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + _BEHIND
        while missing and self._sends_behind is not False and clock() < until:
            batch = await _next(link, until - clock())
            await _take(link, batch, missing, take)
            if any(message.is_retained for message in batch):  # and not one that was published meanwhile
                self._sends_behind = True
                until = clock() + _BEHIND
        if missing and self._sends_behind is None:
            self._sends_behind = False


async def _take(link: Link, batch: Sequence[Message], missing: set[str], take: Take) -> None:
    await take(batch)
    link.acknowledge(batch)
    missing.difference_update(message.topic for message in batch)


async def _next(link: Link, seconds: float) -> list[Message]:
    """The messages that came meanwhile, or the next ones; none after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for batch in link.batches(limit=PAGE):
                return batch
            link.refill()
    return []
