"""Lanes: parts of a batch that are committed side by side, each behind the lane of the batch before it."""

import asyncio
from collections.abc import Sequence, Sized
from typing import Final
from zlib import crc32

from parking_gateway.broker.message import Message

Done = asyncio.Task[None]
"""A lane: done when its messages are committed or in the journal."""

_LANES: Final = 2
_SMALLEST_LANE: Final = 50
"""Messages."""


def is_small(messages: Sized) -> bool:
    """Whether a batch of these messages is one lane."""
    return len(messages) < _LANES * _SMALLEST_LANE


def lanes(messages: Sequence[Message]) -> list[Sequence[Message]]:
    """The batch in transactions that run beside each other: one is read and decided while PostgreSQL works on another.

    The messages of one device (on topics that differ in the event alone) are always in the same lane and in their order, so that
    no step of a space is passed over. A small batch is one lane, which waits for all: a second commit would cost more than it
    gains. The lane is the same in every process (crc32, and not `hash`), so that a run can be repeated.
    """
    if is_small(messages):
        return [messages]
    found: list[list[Message]] = [[] for _ in range(_LANES)]
    for message in messages:
        found[crc32(message.topic.rpartition("/")[0].encode()) % _LANES].append(message)
    return list(found)


async def ended(earlier: Sequence[Done]) -> None:
    """Wait for these lanes. If one of them has failed or was cancelled, this one is cancelled too.

    All lanes are cancelled then, but this one could still be the first to go on. Its messages would go into the database or the
    journal, and the earlier ones, which the broker delivers again, behind them.
    """
    for one in earlier:
        if not one.done():
            await asyncio.wait({one})
        if one.cancelled() or one.exception() is not None:
            raise asyncio.CancelledError
