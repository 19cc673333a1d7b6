"""An event loop that never waits."""

import asyncio
import selectors

from typing_extensions import override


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that an hour takes as long as its work."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    @override
    def time(self) -> float:
        return self._jumps.seconds


class _Jumps(selectors.SelectSelector):
    seconds = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "Every task waits, and no timer is set"
        self.seconds += timeout
        return super().select(0)
