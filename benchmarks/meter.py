"""CPU time and memory of processes, seen from outside."""

from pathlib import Path
from typing import Self

import msgspec
import psutil


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds that processes have used so far, or used between two looks."""

    loop: float
    broker: float
    database: float

    @classmethod
    def now(cls, *, loop: int, broker: int, database: int, watcher: int) -> Self:
        """By the ids of their processes. `watcher` is the benchmark's own backend, which counts for nobody."""
        return cls(loop=_alone(loop), broker=_alone(broker), database=_family(database, without=watcher))

    def since(self, earlier: Self) -> Self:
        """What was used in between."""
        names = self.__struct_fields__
        return type(self)(**{name: getattr(self, name) - getattr(earlier, name) for name in names})


def peak_bytes(pid: int) -> int | None:
    """The most memory that a process had resident; None where the system does not tell (it does on Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if peak is None else int(peak.split()[1]) * 1024


def _alone(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _family(pid: int, *, without: int) -> float:
    """A process, its children, and those of its children that have ended."""
    parent = psutil.Process(pid)
    ended = parent.cpu_times()
    seconds = _alone(pid) + float(ended.children_user + ended.children_system)
    for child in parent.children():
        if child.pid == without:
            continue
        try:
            seconds += _alone(child.pid)
        except psutil.NoSuchProcess:
            continue  # it ends while we look, and the next look finds it among the ended
    return seconds
