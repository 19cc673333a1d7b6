"""One open connection to a browser, and the bounded queue of what it is sent."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

AGAIN: Final = b"event: again\ndata: {}\n\n"
"""Asks the browser to fetch the picture anew."""
_LONGEST_QUEUE: Final = 1_000_000
"""Bytes that wait for a watcher that has not read all of the changes before. A slower one fetches the picture anew."""
_LONGEST_CHUNK: Final = 65_536
"""Bytes that are sent together, unless one event is longer."""


class Watcher:
    """What waits for it."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._is_over = False

    def put(self, chunks: Sequence[bytes]) -> None:
        """Let these be sent. If too much waits already, all is replaced by `AGAIN`."""
        is_behind = bool(self._waiting)
        self._bytes += sum(map(len, chunks))
        if is_behind and self._bytes > _LONGEST_QUEUE:
            self._waiting.clear()
            chunks, self._bytes = (AGAIN,), len(AGAIN)
        self._waiting.extend(chunks)
        self._wake.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._is_over = True
        self._wake.set()

    async def next(self, within: float) -> bytes | None:
        """The next chunk; empty after so many seconds without any. None: it is over."""
        if not self._waiting and not self._is_over:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._wake.wait()
        if self._is_over:
            return None
        if not self._waiting:
            return b""
        chunk = self._waiting.popleft()
        self._bytes -= len(chunk)
        return chunk


def chunks_of(texts: Iterable[bytes]) -> list[bytes]:
    """The texts in chunks. All watchers share them until they are sent."""
    chunks: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for text in texts:
        if waiting and size + len(text) > _LONGEST_CHUNK:
            chunks.append(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(text)
        size += len(text)
    return [*chunks, b"".join(waiting)] if waiting else chunks
