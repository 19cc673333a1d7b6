"""PgBouncer before the server of the tests, where it is installed."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

Pooled = Callable[..., str]
"""The URL of the test's database through a PgBouncer in this mode, as this role, and with these further settings."""
_SETTINGS: Final = """
[databases]
* = host={host} port={port} user={role}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {ours}
unix_socket_dir =
auth_type = any
admin_users = postgres
pool_mode = {mode}
default_pool_size = 10
logfile = {folder}/log
{more}
"""


class Bouncer:
    """One PgBouncer, in a folder of its own. Skips the test if it is not installed."""

    def __init__(
        self, folder: Path, *, server: tuple[str, int], owner: int, mode: str, role: str = "postgres", more: str = ""
    ) -> None:
        """`server` is the host and the port that it leads to.

        `owner` is the user that it runs as, because it refuses root, and the folder of the server's socket is the user's.
        """
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.skip("PgBouncer is not installed")
        self._program = program
        self._file = folder / "pgbouncer.ini"
        self._owner = owner
        self._role = role
        self._settings = {"mode": mode, "role": role, "more": more, "folder": folder, "ours": free_port()}
        self._process: subprocess.Popen[bytes] | None = None
        self._write(*server)
        for path in (folder, self._file):
            os.chown(path, owner, -1)

    def url(self, database: str) -> str:
        """Of a database behind it."""
        return f"postgresql://{self._role}@{LOCALHOST}:{self._settings['ours']}/{database}"

    def start(self, database: str = "pgbouncer") -> None:
        """Start it, and wait until it accepts connections to this database. `pgbouncer` is its own console."""
        self._process = subprocess.Popen(
            [self._program, "-q", self._file],
            user=self._owner if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for attempt in Retrying(
            retry=retry_if_exception_type(psycopg.OperationalError),
            wait=wait_fixed(0.05),
            stop=stop_after_delay(10),
            reraise=True,
        ):
            with attempt, psycopg.connect(self.url(database), connect_timeout=2, autocommit=True):
                pass

    def order(self, command: str) -> list[dict[str, Any]]:
        """Give a command to its console, such as PAUSE."""
        with psycopg.connect(self.url("pgbouncer"), autocommit=True) as console:
            answer = console.execute(command.encode())
            names = [column.name for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer] if names else []

    def waiting(self) -> int:
        """How many clients wait for a server."""
        return sum(int(pool["cl_waiting"]) for pool in self.order("SHOW POOLS"))

    def lead_to(self, host: str, port: int) -> None:
        """Lead to another server from now on."""
        self._write(host, port)
        self.order("RELOAD")

    def kill(self) -> int:
        """End it with SIGKILL. Returns its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        return self._process.wait()

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _write(self, host: str, port: int) -> None:
        self._file.write_text(_SETTINGS.format(host=host, port=port, **self._settings))


@pytest.fixture
def pooled(database: str) -> Iterator[Pooled]:
    """Starts PgBouncers."""
    server = conninfo_to_dict(database)
    host, name = str(server["host"]), str(server["dbname"])
    with ExitStack() as stack:

        def start(mode: str, *, role: str = "postgres", more: str = "") -> str:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="parking-gateway-tests-")))
            owner = Path(host).stat().st_uid
            bouncer = Bouncer(folder, server=(host, 5432), owner=owner, mode=mode, role=role, more=more)
            stack.callback(bouncer.stop)
            bouncer.start(name)
            return bouncer.url(name)

        yield start
