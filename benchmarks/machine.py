"""The machine of a benchmark, and what one commit costs on it."""

import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Final, Self

import msgspec
import psutil
import psycopg

from benchmarks.servers import Postgres, mosquitto_version
from parking_gateway import __version__

_COMMITS: Final = 500


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The hardware, and the versions of the software."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    versions: dict[str, str]
    load_before: float
    """The load average of one minute when the benchmark began. On an idle machine it is about 0."""

    @classmethod
    def this(cls, database: Postgres) -> Self:
        """The machine of this process."""
        packages = ("aiomqtt", "msgspec", "paho-mqtt", "psycopg", "sqlalchemy")
        return cls(
            processor=_processor(),
            cores=psutil.cpu_count() or 0,
            memory_bytes=psutil.virtual_memory().total,
            system=platform.platform(),
            versions={
                "parking-gateway": __version__,
                "Python": platform.python_version(),
                "PostgreSQL": database.version,
                "Mosquitto": mosquitto_version(),
                **{name: version(name) for name in packages},
            },
            load_before=round(psutil.getloadavg()[0], 2),
        )


class Commits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a transaction of one row takes until it is safe on this disk, in milliseconds."""

    p50: float
    p99: float
    worst: float


def commits(database: Postgres) -> Commits:
    """Measure commits of one row, one after the other."""
    with database.database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table probe (at timestamptz)")
        milliseconds = []
        for _ in range(_COMMITS):
            began = time.perf_counter()
            connection.execute("insert into probe values (now())")
            milliseconds.append(1000 * (time.perf_counter() - began))
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return Commits(p50=cuts[49], p99=cuts[98], worst=max(milliseconds))


def _processor() -> str:
    """The processor's name. On Linux, the standard library does not have it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = next((line for line in lines if line.startswith("model name")), None)
    return named.partition(":")[2].strip() if named else platform.processor() or platform.machine()
