"""Messages that were received and not taken yet. The queue is the broker's session; these are what it has sent already."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from parking_gateway.broker.message import Message

INBOX_BYTES: Final = 80 << 20
"""40 kB for each message of the default Receive Maximum."""
BATCH_BYTES: Final = 4 << 20
"""More than 2,000 usual messages. One whose JSON is nothing but brackets takes 40 times as much memory once it is read."""
_OVERHEAD: Final = 300
"""Bytes of a message in memory beside topic and payload."""


class Inbox:
    """Bounded by bytes. A message beyond them is dropped, and so is every message after it.

    A dropped message was not acknowledged, so the broker sends it again over the next connection. Reading goes on, because
    the answers to our publications come behind the messages. Usual messages within our Receive Maximum never exceed the bound.
    MQTT 3.1.1 has no Receive Maximum, but brokers have a limit of their own.
    """

    def __init__(self, limit: int, *, limit_bytes: int = INBOX_BYTES) -> None:
        """`limit` is in messages, for those of QoS 0."""
        self.dropped = 0
        """Messages of QoS 0 that came while there was no space. The broker does not send them again."""
        self.is_closed = False
        """Whether messages are dropped from now on, because there were too many bytes or by `close`."""
        self.on_drop: Callable[[], None] = lambda: None
        """Called for each dropped message of QoS 0."""
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._arrivals: deque[list[float]] = deque()
        """For messages that came together: how many are left, and when they came."""
        self._messages: list[Message] = []
        self._bytes = 0
        self._something = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def size(self) -> int:
        """Bytes of the messages in memory."""
        return self._bytes

    def oldest(self) -> float | None:
        """When the oldest message came, in seconds of `time.monotonic`; None: there is none. For any thread."""
        try:
            return self._arrivals[0][1]
        except IndexError:
            return None

    def put(self, messages: Sequence[Message]) -> None:
        """Take these in, all or none. They are of QoS 1."""
        self.is_closed = self.is_closed or self._bytes > self._limit_bytes
        if self.is_closed:
            return
        self._messages += messages
        self._arrivals.append([len(messages), time.monotonic()])
        self._bytes += _bytes_of(messages)
        self._something.set()

    def put_or_drop(self, message: Message) -> None:
        """Take one of QoS 0 in if there is space."""
        if len(self._messages) < self._limit and self._bytes <= self._limit_bytes and not self.is_closed:
            self.put([message])
        else:
            self.dropped += 1
            self.on_drop()

    def take(self, limit: int) -> list[Message]:
        """The oldest messages, at most so many and not many more than `BATCH_BYTES`, at least one if there is one."""
        taken = self._messages[:limit]
        size = self._bytes if len(taken) == len(self._messages) else _bytes_of(taken)
        while size > BATCH_BYTES and len(taken) > 1:
            taken = taken[: len(taken) // 2]
            size = _bytes_of(taken)
        del self._messages[: len(taken)]
        self._bytes -= size
        self._forget_arrivals(len(taken))
        return taken

    def _forget_arrivals(self, count: float) -> None:
        while count:
            together = self._arrivals[0]
            if together[0] > count:
                together[0] -= count
                return
            count -= together[0]
            self._arrivals.popleft()

    def close(self) -> None:
        """Drop what comes from now on."""
        self.is_closed = True

    async def wait(self) -> None:
        """Return when there is a message, or after `wake`."""
        if not self._messages:
            self._something.clear()
            await self._something.wait()

    def wake(self) -> None:
        """Let `wait` return."""
        self._something.set()


def is_heavy(batch: Sequence[Message]) -> bool:
    """Whether it has to be alone in memory: two batches that are read at a time have `BATCH_BYTES` together at most."""
    return _bytes_of(batch) > BATCH_BYTES // 2


def _bytes_of(messages: Sequence[Message]) -> int:
    return sum([len(message.payload) + len(message.topic) for message in messages]) + _OVERHEAD * len(messages)
