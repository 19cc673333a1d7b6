"""CPU time and memory of processes, seen from outside."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import msgspec
import psutil

_SAMPLE_SECONDS: Final = 1.0


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds that processes have used so far, or used between two looks."""

    loop: float
    """The contestant, or all contestants that work together."""
    broker: float
    database: float

    @classmethod
    def now(cls, *, loops: Sequence[int], broker: int, database: int, watcher: int) -> Self:
        """By the ids of their processes. `watcher` is the backend of the benchmark itself, which is not counted."""
        return cls(
            loop=sum(map(seconds_of, loops)), broker=seconds_of(broker), database=_family(database, without=watcher)
        )

    def since(self, earlier: Self) -> Self:
        """What was used in between."""
        names = self.__struct_fields__
        return type(self)(**{name: getattr(self, name) - getattr(earlier, name) for name in names})


def peak_bytes(pid: int) -> int | None:
    """The peak of a process's resident memory. None where the system does not have it; Linux has it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if peak is None else int(peak.split()[1]) * 1024


def resident_bytes(pid: int) -> int:
    """The memory that a process has resident now."""
    return int(psutil.Process(pid).memory_info().rss)


@contextmanager
def sampled(pid: int) -> Iterator[list[int]]:
    """The resident memory of a process, once a second inside the block."""
    found: list[int] = []
    is_over = threading.Event()

    def sample() -> None:
        while not is_over.wait(_SAMPLE_SECONDS):
            try:
                found.append(resident_bytes(pid))
            except psutil.NoSuchProcess:
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def seconds_of(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _family(pid: int, *, without: int) -> float:
    """A process, its children, and those of its children that have ended."""
    parent = psutil.Process(pid)
    while True:
        ended = _ended(parent)
        living = sum([_seconds_if_there(child.pid) for child in parent.children() if child.pid != without])
        # A child that ends meanwhile is in neither figure. Then both are read again.
        if _ended(parent) == ended:
            return seconds_of(pid) + ended + living


def _ended(parent: psutil.Process) -> float:
    """The CPU seconds of the children that have ended."""
    times = parent.cpu_times()
    return float(times.children_user + times.children_system)


def _seconds_if_there(pid: int) -> float:
    try:
        return seconds_of(pid)
    except psutil.NoSuchProcess:
        return 0.0
