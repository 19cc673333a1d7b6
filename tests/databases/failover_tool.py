"""A pg_auto_failover of Debian: a monitor and two nodes, each with a keeper, on ports of their own."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

_USER: Final = "postgres"
_STATES: Final = "select nodename, reportedstate::text from pgautofailover.node"
_TUNED: Final = {
    "node_considered_unhealthy_timeout": 5000,
    "primary_demote_timeout": 5000,
    "health_check_period": 1000,
    "health_check_timeout": 1000,
    "health_check_max_retries": 1,
}
"""In ms, besides the last one. The defaults need most of a minute for a dead machine."""


class FailoverTool:
    """The cluster. Skips the test where it is not installed."""

    def __init__(self, folder: Path) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if shutil.which("pg_autoctl") is None or not programs:
            pytest.skip("pg_auto_failover is not installed")
        self._folder = folder
        self._ports = {name: free_port() for name in ("monitor", "a", "b")}
        self._environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "configuration"),
            "XDG_DATA_HOME": str(folder / "share"),
            "PATH": f"{programs[-1]}:/usr/bin:/bin",
            "LANG": "C.UTF-8",  # with C, the databases are in SQL_ASCII
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Of the node that can be written to."""
        servers = ",".join(f"{LOCALHOST}:{self._ports[name]}" for name in ("a", "b"))
        return f"postgresql://postgres@{servers}/parking?target_session_attrs=read-write"

    def start(self) -> None:
        """Create and start everything, and an empty database `parking`."""
        for name in ("run", "configuration", "share"):
            (self._folder / name).mkdir(mode=0o700)
        for path in (self._folder, *self._folder.iterdir()):
            shutil.chown(path, _USER, _USER)
        shared = ("--hostname", LOCALHOST, "--auth", "trust", "--no-ssl")
        self.order("create", "monitor", "--pgdata", self._data("monitor"), "--pgport", self._port("monitor"), *shared)
        self.run("monitor")
        monitor = f"postgres://autoctl_node@{LOCALHOST}:{self._port('monitor')}/pg_auto_failover"
        for name in ("a", "b"):
            where = ("--pgdata", self._data(name), "--pgport", self._port(name), "--listen", LOCALHOST)
            named = ("--name", name, "--dbname", "parking", "--monitor", monitor)
            self.order("create", "postgres", *where, *named, *shared)
            self.run(name)
            if name == "a":
                self._wait_for(self._require_states, "single")
        self.wait_for("primary", "secondary")

    def run(self, name: str) -> None:
        """Start the keeper of a node, or the monitor: a machine is switched on."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                ["pg_autoctl", "run", "--pgdata", self._data(name)], stdout=log, stderr=log, **self._identity()
            )

    def order(self, *arguments: str) -> None:
        """Run one of its commands."""
        with (self._folder / "commands.log").open("ab") as log:
            subprocess.run(["pg_autoctl", *arguments], stdout=log, stderr=log, check=True, **self._identity())

    def switch_over(self) -> None:
        """Let the two nodes change their roles."""
        self.order("perform", "switchover", "--pgdata", self._data("monitor"))

    def with_state(self, *states: str) -> str:
        """The name of the node in one of these states."""
        (name,) = [name for name, state in self._states().items() if state in states]
        return name

    def kill_machine(self, name: str) -> list[psutil.Process]:
        """End all processes of a node or of the monitor with SIGKILL. Returns those that live on: none."""
        keeper = psutil.Process(self._running[name].pid)
        processes = [keeper, *keeper.children(recursive=True)]
        for one in processes:
            with suppress(psutil.NoSuchProcess):  # it has ended by itself meanwhile
                one.kill()
        self._running[name].wait()
        _, alive = psutil.wait_procs(processes, timeout=30)
        return [*alive]

    def kill_postmaster(self, name: str) -> bool:
        """End the server of a node with SIGKILL. Its keeper lives. Returns whether it has ended."""
        server = psutil.Process(int((Path(self._data(name)) / "postmaster.pid").read_text().splitlines()[0]))
        server.kill()
        ended, _ = psutil.wait_procs([server], timeout=30)
        return bool(ended)

    def wait_for(self, *states: str) -> None:
        """Wait until the nodes have reported these states."""
        self._wait_for(self._require_states, *states)

    def stop(self) -> None:
        """End everything."""
        for name, process in self._running.items():
            if process.poll() is None:
                self.kill_machine(name)

    def tune(self) -> None:
        """Shorten the waits of the monitor. A busy machine counts as dead then."""
        with psycopg.connect(self._monitor, autocommit=True) as connection:
            for name, value in _TUNED.items():
                connection.execute(f"alter system set pgautofailover.{name} = {value}".encode())
            connection.execute("select pg_reload_conf()")

    def _states(self) -> dict[str, str]:
        with psycopg.connect(self._monitor) as connection:
            return dict(connection.execute(_STATES).fetchall())

    def _require_states(self, *states: str) -> None:
        found = self._states()
        assert sorted(found.values()) == sorted(states), found

    @property
    def _monitor(self) -> str:
        return f"postgresql://postgres@{LOCALHOST}:{self._port('monitor')}/pg_auto_failover"

    def _data(self, name: str) -> str:
        return str(self._folder / name)

    def _port(self, name: str) -> str:
        return str(self._ports[name])

    def _identity(self) -> dict[str, Any]:
        user = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}
        return {"env": self._environment, "cwd": self._folder, **user}

    @staticmethod
    def _wait_for(require: Any, *arguments: str) -> None:
        for attempt in Retrying(
            retry=retry_if_exception_type((AssertionError, psycopg.Error)),
            wait=wait_fixed(0.1),
            stop=stop_after_delay(120),
            reraise=True,
        ):
            with attempt:
                require(*arguments)
