"""What is measured at the end of each simulated day: memory, disk, latency and CPU of the real processes."""

from typing import Final

import msgspec
import psutil
import psycopg

from benchmarks.meter import resident_bytes, seconds_of
from tests.year.machines import Machines

_SIZES: Final = """
select
    coalesce(sum(pg_total_relation_size(oid)) filter (where relname ~ '^(uplink|rejection|device_event|past_reading|request)_'), 0)::bigint,
    coalesce(sum(pg_total_relation_size(oid)) filter (where relname ~ '^(transition|past_stay)_'), 0)::bigint,
    coalesce(sum(pg_total_relation_size(oid)) filter (where relname = 'occupancy_hour'), 0)::bigint,
    pg_database_size(current_database())
from pg_class where relkind = 'r'
"""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated day."""

    number: int
    seconds: float
    """Of real time."""
    uplinks: int
    latencies: tuple[float, float]
    """Seconds from the publication of an uplink to the retained state, as a sign shows it: the median, and 99 of 100."""
    gateway_bytes: int
    """Resident memory."""
    broker_bytes: int
    uplink_table_bytes: int
    history_bytes: int
    hours_bytes: int
    database_bytes: int
    gateway_seconds: float
    """Of a core, within the day."""
    database_seconds: float
    """Of both servers."""
    broker_seconds: float
    marks: tuple[str, ...] = ()
    """What was done to the processes."""


class Gauges:
    """Reads them."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._last: dict[tuple[str, int], float] = {}
        self.look()

    def look(self) -> dict[str, float]:
        """CPU seconds of each kind of process since the last look. Those that ended meanwhile count until the last look."""
        machines = self._machines
        running = {"gateway": [machines.gateway.pid], "broker": [machines.broker.pid or 0]}
        used = {name: sum(self._used(name, pid, seconds_of(pid)) for pid in pids) for name, pids in running.items()}
        servers = (machines.primary.pid, machines.standby.pid)
        return used | {"database": sum(self._used("database", pid, _family(pid)) for pid in servers)}

    def sizes(self) -> tuple[int, int, int, int]:
        """Bytes of the uplinks, of the history, of the hours, and of the whole database."""
        with psycopg.connect(self._machines.url) as connection:
            row = connection.execute(_SIZES).fetchone()
        assert row is not None
        return (int(row[0]), int(row[1]), int(row[2]), int(row[3]))

    def memory(self) -> tuple[int, int]:
        """Bytes of the gateway and of the broker."""
        return resident_bytes(self._machines.gateway.pid), resident_bytes(self._machines.broker.pid or 0)

    def _used(self, name: str, pid: int, seconds: float) -> float:
        before = self._last.get((name, pid), 0.0)
        self._last[name, pid] = seconds
        return max(0.0, seconds - before)


def _family(pid: int) -> float:
    """Of a server and of all its processes, those that have ended included."""
    server = psutil.Process(pid)
    times = server.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in server.children():
        try:
            total += seconds_of(child.pid)
        except psutil.NoSuchProcess:
            continue
    return float(total)
