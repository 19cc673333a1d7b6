"""Starts the servers of a benchmark in a temporary folder: Mosquitto on a free port, PostgreSQL on a socket."""

import getpass
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Self

import msgspec
import psycopg
from psycopg import sql

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port, program_path
from parking_gateway.store import embedded

_START_SECONDS: Final = 10
_CONNECTED: Final = re.compile(r"New client connected from \S+ as (\S+) ")
_DURABLE: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

# Nothing is dropped, and only the client's Receive Maximum limits the messages in flight. The store is in memory, so that a
# disk of the broker is not measured. The notices have the time of each connection, which is when a drain begins.
_CONFIGURATION: Final = """\
listener {port} {host}
user {user}
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
persistence false
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
"""


_ADVISED: Final = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
"""From docs/how-to/deploy.md, for a city. The first one holds the spaces, devices and indexes of a million sensors. With the other
two, checkpoints are rare, and with them the whole pages that PostgreSQL logs at the first change after a checkpoint."""


class Unavailable(Exception):  # noqa: N818 - it is what is wrong
    """A server that the benchmark needs is not installed, does not start, or has unsafe settings."""


class Mosquitto:
    """A running broker, and when each client connected to it, in seconds of the monotonic clock."""

    def __init__(self, process: subprocess.Popen[str], *, port: int) -> None:
        self.pid = process.pid
        self.url = f"mqtt://{LOCALHOST}:{port}"
        self._process = process
        self._log_lines: list[str] = []
        self._connected_at: dict[str, float] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def connected_at(self, client_id: str, *, after: float, within: float) -> float | None:
        """When this client connected. Waits `within` seconds for it; None when it has not connected."""
        with self._news:
            if self._news.wait_for(lambda: self._connected_at.get(client_id, 0) > after, within):
                return self._connected_at[client_id]
            return None

    @property
    def log_lines(self) -> list[str]:
        """Its lines of log."""
        return self._log_lines

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            now = time.monotonic()
            connected = _CONNECTED.search(line)
            with self._news:
                self._log_lines.append(line.strip())
                if connected:
                    self._connected_at[connected[1]] = now
                    self._news.notify_all()


class Postgres(msgspec.Struct, frozen=True, kw_only=True):
    """A running server."""

    url: str
    """Of its maintenance database."""
    pid: int
    version: str

    @classmethod
    def at(cls, url: str, data: Path) -> Self:
        """The server with this URL and data folder. Raises Unavailable when its settings do not survive a power cut."""
        with psycopg.connect(url) as connection:
            found: dict[str, str] = dict(connection.execute("select name, setting from pg_settings").fetchall())
        if unsafe := {name: found[name] for name, value in _DURABLE.items() if found[name] != value}:
            raise Unavailable(f"PostgreSQL is not set to keep what it commits: {unsafe}")
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        return cls(url=url, pid=pid, version=found["server_version"])

    def execute(self, statement: str, *names: str) -> None:
        """Run a statement outside of a transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """The URL of a database of its own, copied from a template and dropped at the end."""
        name = f"bench_{next(_numbers)}"
        self.execute("create database {} template {}", name, template)
        # Otherwise PostgreSQL would write the pages of the last run while the next one is measured.
        self.execute("checkpoint")
        yield self.url_of(name)
        self.execute("drop database {} with (force)", name)

    def url_of(self, database: str) -> str:
        """The URL of one of its databases."""
        return self.url.replace("/postgres?", f"/{database}?")


_numbers = count()


@contextmanager
def mosquitto(folder: Path) -> Iterator[Mosquitto]:
    """A broker without a store on disk. Raises Unavailable."""
    program = _mosquitto_program()
    port = free_port()
    file = folder / "mosquitto.conf"
    file.write_text(_CONFIGURATION.format(host=LOCALHOST, port=port, user=getpass.getuser()))
    process = subprocess.Popen([program, "-c", str(file)], stderr=subprocess.PIPE, text=True)  # noqa: S603 - found above
    try:
        broker = Mosquitto(process, port=port)
        _wait_until_it_listens(broker, process, port)
        yield broker
    finally:
        process.terminate()
        process.wait()


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """PostgreSQL with the memory settings of the documentation, and its defaults for all else. Raises Unavailable."""
    for parent in (folder, *folder.parents[:1]):
        parent.chmod(0o755)  # PostgreSQL runs as another user when this process is root
    with embedded.running(folder) as url, psycopg.connect(url, autocommit=True) as connection:
        for name, value in _ADVISED.items():
            connection.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), value))
    with embedded.running(folder) as url:  # some settings need a restart
        yield Postgres.at(url, folder / "postgresql")


def mosquitto_version() -> str:
    """Such as 2.0.18. Raises Unavailable."""
    # `mosquitto -h` ends with status 3, and with 0 from 2.1 on.
    output = subprocess.run([_mosquitto_program(), "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - as above
    return output.split("\n", 1)[0].removeprefix("mosquitto version ").strip()


def _mosquitto_program() -> str:
    program = program_path("mosquitto")
    if program is None:
        raise Unavailable("The benchmark needs Mosquitto, and it is not installed. On Debian: apt install mosquitto")
    return program


def _wait_until_it_listens(broker: Mosquitto, process: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((LOCALHOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise Unavailable(f"Mosquitto does not listen on port {port}: {' / '.join(broker.log_lines) or 'no output'}")
