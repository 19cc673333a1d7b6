"""A real PostgreSQL: one server for each worker, and one database for each test, copied from a migrated template.

It is the one of the wheel. With POSTGRES_PROGRAMS=/usr/lib/postgresql/15/bin it is that one.
"""

import asyncio
import atexit
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg
import pytest
from _pytest.terminal import TerminalReporter
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool
from sqlalchemy.pool import Pool as SomePool
from tenacity import Retrying, retry_if_exception_type, wait_fixed

from parking_gateway.store import embedded, migrating
from parking_gateway.store.connecting import connect
from parking_gateway.store.pool import Pool

_numbers = count()

_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 2 << 30
"""Bytes that the servers of four workers take at most."""
WHEEL: Final = embedded.programs
"""The folder of the wheel's programs, which every gateway in a process of its own starts."""
if _PROGRAMS := os.environ.get("POSTGRES_PROGRAMS", ""):
    # For the servers of the tests.
    embedded.programs = lambda: Path(_PROGRAMS)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the version of the server."""
    version = subprocess.run(
        [embedded.programs() / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    terminalreporter.write_line(f"on {version.stdout.strip()}")


def folder_of_server() -> TemporaryDirectory[str]:
    """A folder for the data of a server, in memory where there is room: a database has 400 files, and a disk takes ten times as long.

    It is none of pytest's: when the tests run as root, PostgreSQL runs as another user, who cannot read those.
    """
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    folder = TemporaryDirectory(prefix="parking-gateway-tests-", dir=_MEMORY if has_room else None)
    Path(folder.name).chmod(0o755)
    return folder


def engine_of(url: str, poolclass: type[SomePool] = NullPool) -> AsyncEngine:
    """A database as the gateway uses it, without a pool or with one."""
    return create_async_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        poolclass=poolclass,
        pool_pre_ping=True,  # because some tests cut all connections
        connect_args={"prepare_threshold": None, "async_creator_fn": connect, "settings": {}},
    )


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _url_of(server: str, database: str) -> str:
    return server.replace("/postgres?", f"/{database}?")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of this worker's server, with a migrated database `template` on it."""
    with folder_of_server() as folder, embedded.running(Path(folder)) as url:
        # No power is cut here, and every test makes and drops a database.
        _sync(url, "off")
        _execute(url, "create database template")
        asyncio.run(migrating.upgrade(engine_of(_url_of(url, "template"))))
        yield url


def _sync(url: str, word: str) -> None:
    """Let the server sync its disk, or not; wait until it has read that."""
    _execute(url, f"alter system set fsync = {word}")
    _execute(url, "select pg_reload_conf()")
    for attempt in Retrying(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.02)):
        with attempt, psycopg.connect(url) as connection:
            assert connection.execute("show fsync").fetchone() == (word,)


@pytest.fixture
def synced(postgres: str) -> Iterator[None]:
    """During the test, its server syncs the disk, as `doctor` demands."""
    _sync(postgres, "on")
    yield
    _sync(postgres, "off")


class OwnServer:
    """A server of one test, which can be stopped and configured."""

    def __init__(self, state: Path) -> None:
        self._server = embedded.Server(state)
        self._lock = state / "postgresql/postmaster.pid"
        self.url = _url_of(self._server.url, "parking")

    @property
    def is_running(self) -> bool:
        """Whether it accepts connections."""
        return self._server.is_running()

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self._server.start()

    def stop(self) -> None:
        """End it with SIGQUIT, and wait until it has ended."""
        number = int(self._lock.read_text().splitlines()[0])
        os.kill(number, signal.SIGQUIT)
        for attempt in Retrying(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.02)):
            with attempt:
                assert not self._lock.exists()

    def configure(self, *statements: str) -> None:
        """Change settings of the whole server, without waiting for a standby."""
        for statement in (*statements, "select pg_reload_conf()"):
            with psycopg.connect(self.url, autocommit=True, options="-c synchronous_commit=local") as connection:
                connection.execute(statement.encode())


@contextmanager
def own_server_in(folder: Path) -> Iterator[OwnServer]:
    """A server with one migrated database, while the context lasts."""
    # With its owner, who is not root.
    subprocess.run(["cp", "--archive", migrated_data(), folder], check=True)
    with embedded.running(folder):
        yield OwnServer(folder)


@cache
def migrated_data() -> Path:
    """The data of a server that was stopped, with one migrated database. It is removed with this process."""
    folder = folder_of_server()
    atexit.register(folder.cleanup)
    path = Path(folder.name)
    with embedded.running(path) as url:
        _execute(url, "create database parking")
        asyncio.run(migrating.upgrade(engine_of(_url_of(url, "parking"))))
    return path / "postgresql"


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server with one migrated database."""
    with folder_of_server() as folder, own_server_in(Path(folder)) as server:
        yield server


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"empty_{next(_numbers)}"
    _execute(postgres, "create database {}", name)
    yield _url_of(postgres, name)
    _execute(postgres, "drop database {} with (force)", name)


@contextmanager
def database_on(server: str) -> Iterator[str]:
    """The URL of a migrated database on the server `postgres`, dropped at the end."""
    name = f"test_{next(_numbers)}"
    # A copy of the files: they are not written to the log too, as they would be by itself.
    _execute(server, "create database {} template template strategy file_copy", name)
    yield _url_of(server, name)
    _execute(server, "drop database {} with (force)", name)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of the test's own migrated database."""
    with database_on(postgres) as url:
        yield url


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """The test's own database, as the gateway uses it."""
    # It keeps its connections, because each new one takes as long as twenty queries.
    pool = Pool(engine_of(database, AsyncAdaptedQueuePool))
    yield pool
    await pool.engine.dispose()


@pytest.fixture
def engine(pool: Pool) -> AsyncEngine:
    """The same, for SQL of the test's own."""
    return pool.engine
