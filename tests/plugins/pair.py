"""Two PostgreSQL servers: a primary, and a standby that streams from it, on ports of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from parking_gateway.store import embedded
from tests.plugins.postgres import folder_of_server, migrated_data

STANDBY: Final = "b"
_SETTINGS: Final = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
fsync = off
wal_receiver_status_interval = 100ms
wal_retrieve_retry_interval = 100ms
primary_conninfo = 'host=127.0.0.1 port={other} user=postgres application_name={name}'
"""


class PairMember:
    """One of the two servers."""

    def __init__(self, template: Path, data: Path, *, name: str, port: int, other: int) -> None:
        self.environment = dict(os.environ)
        """Of its processes, from the next start on."""
        self._data = data
        self._owner = template.stat().st_uid
        self.port = port
        self._settings = _SETTINGS.format(port=port, folder=data.parent, other=other, name=name)
        shutil.copytree(template, data)
        self._configure()

    @property
    def url(self) -> str:
        """Of this server alone."""
        return f"postgresql://postgres@{LOCALHOST}:{self.port}/parking"

    def receive_from(self, port: int | None) -> None:
        """As a standby, receive from now on what is behind this port of this machine, or nothing."""
        source = "" if port is None else f"host={LOCALHOST} port={port} user=postgres application_name={STANDBY}"
        self.execute(f"alter system set primary_conninfo = '{source}'", "select pg_reload_conf()")

    def configure(self, lines: str) -> None:
        """Have these settings too, from the next start on."""
        self._settings += lines
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(lines)

    @property
    def pid(self) -> int:
        """The number of its first process."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def follow(self) -> None:
        """Be a standby from the next start on."""
        (self._data / "standby.signal").touch()

    def rebuild(self, primary: "PairMember") -> None:
        """Become a standby of this primary, with a copy of its data, and wait until it accepts connections."""
        self.copy(primary)
        self.follow()
        self.start()

    def copy(self, other: "PairMember") -> None:
        """Have the data of this server, which runs, instead of the own ones."""
        shutil.rmtree(self._data)
        source = ("-h", LOCALHOST, "-p", str(other.port), "-U", "postgres")
        self._run("pg_basebackup", *source, "-D", str(self._data), "-X", "stream", "-c", "fast")
        self._configure()

    def archive_into(self, folder: Path) -> None:
        """Keep each file of its log there. It starts again for this."""
        self.execute("alter system set archive_mode = on", f"alter system set archive_command = 'cp %p {folder}/%f'")
        self._control("-w", "-m", "fast", "-l", str(self._data / "log"), "restart")

    def close_log(self, archive: Path) -> None:
        """End the current file of its log, and wait until it is in the archive."""
        name = self.value("select pg_walfile_name(pg_current_wal_lsn())")
        self.execute("select pg_switch_wal()")
        for attempt in _soon():
            with attempt:
                assert (archive / name).exists()

    def recover_to(self, moment: str, archive: Path) -> None:
        """Start with the data of a copy as they were at this moment, and wait until it accepts writes."""
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment}'\n")
            settings.write("recovery_target_action = 'promote'\n")
        (self._data / "recovery.signal").touch()
        self.start()
        for attempt in _soon():
            with attempt:
                assert not self.value("select pg_is_in_recovery()")

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        for path in (self._data, *self._data.rglob("*")):
            os.chown(path, self._owner, -1)
        self._control("-w", "-l", str(self._data / "log"), "start")

    def kill(self) -> None:
        """End it with SIGKILL, and wait until its last process has ended."""
        server = psutil.Process(self.pid)
        processes = [server, *server.children()]
        server.kill()
        _, alive = psutil.wait_procs(processes, timeout=30)
        assert not alive

    def promote(self) -> None:
        """Make it a primary."""
        self._control("-w", "promote")

    def execute(self, *statements: str) -> None:
        """Execute statements without waiting for a standby."""
        with psycopg.connect(self.url, autocommit=True, options="-c synchronous_commit=local") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def demand_standby(self) -> None:
        """Let its commits wait for a standby, whichever is there."""
        self.execute("alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")

    def demand_no_standby(self) -> None:
        """Let them wait for none."""
        self.execute("alter system reset synchronous_standby_names", "select pg_reload_conf()")

    def wait_for_standby(self, *, other_than: int = 0) -> None:
        """Wait until one streams from it, and not by this process."""
        streaming = f"select count(*) from pg_stat_replication where state = 'streaming' and pid <> {other_than}"
        for attempt in _soon():
            with attempt:
                assert self.value(streaming) == 1

    def value(self, query: str) -> Any:
        """The first column of the first row."""
        with psycopg.connect(self.url) as connection:
            (found,) = connection.execute(query.encode()).fetchone() or (None,)
            return found

    def cut(self) -> None:
        """End all connections of gateways."""
        self.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parking-gateway'"
        )

    def stop(self) -> None:
        """End it at once, if it runs."""
        with suppress(subprocess.CalledProcessError):
            self._control("-m", "immediate", "stop")

    def _configure(self) -> None:
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(self._settings)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-s", "-D", str(self._data), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        with (self._data.parent / "programs.log").open("ab") as log:
            subprocess.run(
                [embedded.programs() / program, *arguments],
                user=self._owner if os.geteuid() == 0 else None,
                cwd="/",
                env=self.environment,
                stdout=log,
                stderr=log,
                check=True,
            )


class Pair:
    """Both servers. The second one follows the first."""

    def __init__(self, template: Path, folder: Path) -> None:
        """`template`: the data of a stopped server with a database `parking`."""
        shutil.chown(folder, template.stat().st_uid)
        ports = (free_port(), free_port())
        self.first = PairMember(template, folder / "a", name="a", port=ports[0], other=ports[1])
        self.second = PairMember(template, folder / "b", name=STANDBY, port=ports[1], other=ports[0])
        self.second.follow()

    @property
    def url(self) -> str:
        """Of the one that can be written to, in the form of `pg_autoctl show uri`."""
        servers = ",".join(f"{LOCALHOST}:{one.port}" for one in (self.first, self.second))
        return f"postgresql://postgres@{servers}/parking?target_session_attrs=read-write"

    def start(self) -> None:
        """Start both, and wait until the second one follows."""
        self.first.start()
        self.second.start()
        self.first.wait_for_standby()

    def be_synchronous(self) -> None:
        """Let commits wait for the standby. Both servers have the setting, as after pg_basebackup."""
        for one in (self.first, self.second):
            one.demand_standby()

    def wait_until_replayed(self) -> None:
        """Wait until the second one has everything that the first one has now."""
        position = self.first.value("select pg_current_wal_lsn()::text")
        for attempt in _soon():
            with attempt:
                assert self.second.value(f"select pg_last_wal_replay_lsn() >= '{position}'")

    def stop(self) -> None:
        """End both."""
        for one in (self.first, self.second):
            one.stop()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two servers, not started yet."""
    with folder_of_server() as folder:
        pair = Pair(migrated_data(), Path(folder))
        yield pair
        pair.stop()


def _soon() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.02), stop=stop_after_delay(30), reraise=True
    )
