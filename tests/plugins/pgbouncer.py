"""PgBouncer before the server of the tests, where it is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

Pooled = Callable[..., str]
"""The URL of the test's database through a PgBouncer in this mode, as this role, and with these further settings."""
_SETTINGS: Final = """
[databases]
* = host={host} port=5432 user={role}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 10
logfile = {folder}/log
{more}
"""


@pytest.fixture
def pooled(database: str) -> Iterator[Pooled]:
    """Starts PgBouncers."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    server = conninfo_to_dict(database)
    owner = Path(str(server["host"])).stat().st_uid
    with ExitStack() as stack:

        def start(mode: str, *, role: str = "postgres", more: str = "") -> str:
            port = free_port()
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="parking-gateway-tests-")))
            settings = folder / "pgbouncer.ini"
            settings.write_text(
                _SETTINGS.format(host=server["host"], port=port, mode=mode, folder=folder, role=role, more=more)
            )
            stack.callback(_end, _started(program, settings, owner))
            url = f"postgresql://{role}@{LOCALHOST}:{port}/{server['dbname']}"
            _wait_for(url)
            return url

        yield start


def _started(program: str, settings: Path, owner: int) -> subprocess.Popen[bytes]:
    """Start it as the owner of the server, because it refuses root, and the folder of the socket is the owner's."""
    for path in (settings.parent, settings):
        os.chown(path, owner, -1)
    return subprocess.Popen(
        [program, "-q", settings],
        user=owner if os.geteuid() == 0 else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _wait_for(url: str) -> None:
    for attempt in Retrying(
        retry=retry_if_exception_type(psycopg.OperationalError),
        wait=wait_fixed(0.05),
        stop=stop_after_delay(10),
        reraise=True,
    ):
        with attempt, psycopg.connect(url, connect_timeout=2):
            pass
