"""Drains for tests."""

from datetime import UTC, datetime

from benchmarks.contestants import Contestant
from benchmarks.drain import Drain
from benchmarks.machine import Machine
from benchmarks.meter import Processor

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MACHINE = Machine(
    processor="Abacus", cores=2, memory_bytes=2**31, system="Linux", versions={"Python": "3.11.7"}, load_before=0.5
)


def drained(
    seconds: float, *, by: Contestant = Contestant.DAEMON, loop: float = 1.0, database: float = 2.0, resident: int = 0
) -> Drain:
    """1000 uplinks. `resident` is memory in MB at every second."""
    return Drain(
        contestant=by,
        uplinks=1000,
        seconds=seconds,
        published_after=seconds + 1 if by is Contestant.DAEMON else None,
        cpu=Processor(loop=loop, broker=0.5, database=database),
        peak_bytes=50_000_000,
        resident_bytes=[resident * 1_000_000] * (int(seconds) + 1),
    )
