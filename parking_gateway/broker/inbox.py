"""Messages that came and were not taken yet. The broker's session is the queue; this is only what it has sent already."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

from parking_gateway.broker.message import Message


class Inbox:
    """Bounded: of QoS 0 it drops what is beyond `limit`, and says when it is full of what must not be dropped."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        """Messages of QoS 0 that came while there was no space: their publisher chose not to be answered."""
        self.on_drop: Callable[[], None] = lambda: None
        """Called for each of them."""
        self._limit = limit
        self._arrivals: deque[list[float]] = deque()
        """Of messages that came together: how many are left, and when they came."""
        self._messages: list[Message] = []
        self._is_served = False
        self._something = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        """Whether to read on only when something has been taken, and somebody has begun to take.

        With a broker that keeps to our Receive Maximum it never gets there. But in MQTT 3.1.1 there is none, and not
        every broker keeps to it (Mosquitto 2.0.11 does not). What is not read waits in the network and with the broker.
        """
        return self._is_served and len(self._messages) > self._limit

    def oldest(self) -> float | None:
        """When the oldest message came, in seconds of `time.monotonic`; None: there is none. For any thread."""
        try:
            return self._arrivals[0][1]
        except IndexError:
            return None

    def put(self, messages: Iterable[Message]) -> None:
        """Take these in, whatever their number."""
        before = len(self._messages)
        self._messages += messages
        self._arrivals.append([len(self._messages) - before, time.monotonic()])
        self._something.set()

    def put_or_drop(self, message: Message) -> None:
        """Take it in if there is space."""
        if len(self._messages) < self._limit:
            self.put([message])
        else:
            self.dropped += 1
            self.on_drop()

    def take(self, limit: int) -> list[Message]:
        """The oldest messages, at most so many."""
        self._is_served = True
        taken = self._messages[:limit]
        del self._messages[:limit]
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

    async def wait(self) -> None:
        """Return when there is something to take, or when somebody calls `wake`."""
        if not self._messages:
            self._something.clear()
            await self._something.wait()

    def wake(self) -> None:
        """Let `wait` return."""
        self._something.set()
