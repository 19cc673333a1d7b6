"""simloom's event loop without what only its own tools read: its tape, its names of tasks, and a log that nobody asked for.

That is a third of the time of a universe. What happens, and in which order, is decided here by the seed alone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from operator import attrgetter
from random import Random
from typing import Any, Final

from simloom._context import current_host
from simloom._loop import SimLoop, describe_callback
from typing_extensions import override

_MOST_STEPS: Final = 100_000
"""Of one moment. After so many, the gateway turns in a circle."""
_IS_CANCELLED: Final = attrgetter("_cancelled")
"""As `Handle.cancelled` says it, without a call in Python: all waiting steps are asked before each step."""


class Task(asyncio.Task[Any]):
    """A task whose place in a set is its number and not its address, so that a group cancels its tasks in the same order each time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], *, number: int, **others: Any) -> None:
        self.number = number
        super().__init__(coroutine, **others)

    @override
    def __hash__(self) -> int:
        return self.number

    @override
    def __eq__(self, other: object) -> bool:
        return self is other


class Loop(SimLoop):  # type: ignore[misc] # simloom has no types
    """The loop of one universe."""

    _now: float

    def __init__(self, tape: Any, *, is_logged: bool, **others: Any) -> None:
        """`is_logged`: each step is written down, for the digest."""
        super().__init__(tape, **others)
        self._dice = Random(tape.seed)
        self._is_logged = is_logged
        self._tasks = 0

    @override
    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    @override
    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._check_closed()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timer_seq += 1
        heappush(self._scheduled, (when, self._timer_seq, handle))
        return handle

    @override
    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        self._check_closed()
        self._tasks += 1
        task = Task(coro, number=self._tasks, loop=self, name=name or "task", context=context)
        host = current_host.get()
        if host is not None:
            host._register(task)
        return task

    @override
    def _task_sort_key(self, task: Task) -> int:
        return task.number

    @override
    def _run_once(self) -> None:
        if not self._ready:
            self._go_on_to_next_moment()
        while self._scheduled and self._scheduled[0][0] <= self._now:
            self._ready.append(heappop(self._scheduled)[2])
        if True in map(_IS_CANCELLED, self._ready) or (
            self._crashed_ids and any(map(self._is_without_power, self._ready))
        ):
            self._compact_ready()
        if not self._ready:
            return
        self._instant_steps += 1
        assert self._instant_steps < _MOST_STEPS, "the gateway turns in a circle"
        place = int(self._dice.random() * len(self._ready)) if len(self._ready) > 1 else 0
        handle = self._ready.pop(place)
        if self._is_logged:
            self._log.emit("step", t=self._now, choice=place, ran=describe_callback(handle._callback))
        handle._run()

    def _is_without_power(self, handle: asyncio.Handle) -> bool:
        return bool(self._is_crashed_owned(handle) or self._is_crashed_context(handle))

    def _go_on_to_next_moment(self) -> None:
        while self._scheduled and self._scheduled[0][2].cancelled():
            heappop(self._scheduled)
        if not self._scheduled:
            self._report_deadlock()
        self._now = max(self._now, self._scheduled[0][0])
        self._instant_steps = 0
