"""Starts a broker in a process of its own on a free port: Mosquitto if it is installed, else amqtt.

The demo and the tests start their brokers here.
"""

import getpass
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.process.environment import without_settings

LOCALHOST: Final = "127.0.0.1"
_PORTS: Final = range(20_000, 32_768)
"""Linux gives others to outgoing connections, one of which could take a free port before its program does."""
_START_SECONDS: Final = 20
_STOP_SECONDS: Final = 10
_OLDEST_MOSQUITTO: Final = (2, 0)

_MOSQUITTO_CONF: Final = """\
listener {port} {host}
allow_anonymous true
user {user}
set_tcp_nodelay true

# Without a limit, because by default Mosquitto keeps 1,000 messages for a client and has 20 in flight.
max_queued_messages 0
max_inflight_messages 0
"""


class BrokerFailed(Exception):  # noqa: N818 - it is what happened
    """A broker could not be started. The message has the last lines of its log."""


class Broker:
    """A broker's process. It keeps its port when it is stopped and started again."""

    def __init__(
        self, command: tuple[str, ...], *, name: str, protocols: tuple[str, ...], port: int, log: Path
    ) -> None:
        self.name = name
        """Its product and version, for people."""
        self.protocols = protocols
        """The versions of MQTT that it supports, the best first: "5", "3.1.1"."""
        self.port = port
        self.log = log
        """The file with its output."""
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://{LOCALHOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id. None while it is stopped."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it accepts connections. Raises BrokerFailed."""
        with self.log.open("ab") as log:
            # In a session of its own, so that a Ctrl-C in the terminal does not reach it before us.
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                self._command,
                env=without_settings(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(OSError),
                wait=wait_fixed(0.02),
                stop=stop_after_delay(_START_SECONDS),
                reraise=True,
            ):
                with attempt:
                    self._connect()
        except OSError as error:
            self.kill()
            raise BrokerFailed(f"{self.name} does not accept connections on port {self.port}: {error}") from error

    def stop(self) -> None:
        """End it with SIGTERM, and wait for its end. Does nothing to a stopped broker."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        if self._process is None:
            return
        self._process.kill()
        self._ended()

    def _connect(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise BrokerFailed(f"{self.name} ended at once: {self._last_lines()}")
        socket.create_connection((LOCALHOST, self.port), timeout=1).close()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "no output"


def program_path(program: str) -> str | None:
    """The path of a program of Mosquitto's package, or None. Also looks in the folders that Debian has in root's PATH only."""
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def mosquitto(folder: Path) -> Broker | None:
    """A Mosquitto, not started yet, that keeps its store in memory. None where Mosquitto 2 is not installed."""
    binary = program_path("mosquitto")
    if binary is None:
        return None
    version = _version_of(binary)
    if version < _OLDEST_MOSQUITTO:
        return None
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(_MOSQUITTO_CONF.format(port=port, host=LOCALHOST, user=getpass.getuser()))
    return Broker(
        (binary, "-c", str(conf)),
        name=f"Mosquitto {'.'.join(map(str, version))}",
        protocols=("5", "3.1.1"),
        port=port,
        log=folder / "mosquitto.log",
    )


def amqtt(folder: Path) -> Broker | None:
    """An amqtt, not started yet, that keeps its store in memory. None where it is not installed."""
    if importlib.util.find_spec("amqtt") is None:
        return None
    port = free_port()
    return Broker(
        (sys.executable, "-m", "parking_gateway.cli.demo.amqtt_broker", LOCALHOST, str(port)),
        name=f"amqtt {importlib.metadata.version('amqtt')}",
        protocols=("3.1.1",),
        port=port,
        log=folder / "amqtt.log",
    )


Candidate = Callable[[Path], Broker | None]
"""Makes a broker that keeps its files in a folder. None where its program is not installed."""
CANDIDATES: Final[tuple[Candidate, ...]] = (mosquitto, amqtt)
"""The best first."""


@contextmanager
def running(folder: Path, candidates: Sequence[Candidate] = CANDIDATES) -> Iterator[Broker]:
    """The first broker that is installed, started, and stopped at the end. Raises BrokerFailed."""
    broker = next(filter(None, (candidate(folder) for candidate in candidates)), None)
    if broker is None:
        raise BrokerFailed(
            "There is no broker to start. Install Mosquitto 2 (`apt install mosquitto`), or the one in Python:"
            " `pip install 'parking-gateway[demo]'`."
        )
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def free_port(wanted: int = 0) -> int:
    """A port of this machine that no program listens on now: the wanted one, else any."""
    port = wanted or secrets.choice(_PORTS)
    with suppress(OSError), socket.create_server((LOCALHOST, port)):
        return port
    return free_port()


def _version_of(binary: str) -> tuple[int, ...]:
    # `mosquitto -h` ends with status 3 (0 from 2.1 on), and its output begins with "mosquitto version 2.0.11".
    output = subprocess.run([binary, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", output)
    return tuple(map(int, found.groups())) if found else (0,)
