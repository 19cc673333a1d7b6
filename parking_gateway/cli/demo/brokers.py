"""A broker of our own on a free port of this machine: Mosquitto where it is installed, else amqtt, in a process of its own.

The only place that starts brokers, for the demo and for the tests.
"""

import getpass
import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

LOCALHOST: Final = "127.0.0.1"
_START_SECONDS: Final = 20
_STOP_SECONDS: Final = 10
_OLDEST_MOSQUITTO: Final = (2, 0)

_MOSQUITTO_CONF: Final = """\
listener {port} {host}
allow_anonymous true
user {user}
set_tcp_nodelay true

# What is not acknowledged stays, however much it is, and survives the broker. By itself Mosquitto keeps 1,000 messages
# for an absent client, sends 20 at a time, and saves its store every half hour.
max_queued_messages 0
max_inflight_messages 0
persistence true
persistence_location {folder}/
autosave_interval 1
"""


class BrokerFailed(Exception):  # noqa: N818 - it is what happened, in the words of a person
    """A broker could not be started. The message says why, in the broker's own last words where it had any."""


class Broker:
    """A broker's process. It listens on the same port however often it is stopped and started."""

    def __init__(
        self, command: tuple[str, ...], *, name: str, protocols: tuple[str, ...], port: int, log: Path
    ) -> None:
        self.name = name
        """As a person would call it, with its version."""
        self.protocols = protocols
        """The versions of MQTT that it speaks, the best first: "5", "3.1.1"."""
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://{LOCALHOST}:{self.port}"

    def start(self) -> None:
        """Start it and return when it accepts connections. Raises BrokerFailed."""
        with self._log.open("ab") as log:
            # In a session of its own, so that a Ctrl-C in the terminal does not reach it before us.
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
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
        """Ask it to end, and wait until it has, its store saved. A stopped broker stays stopped."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def kill(self) -> None:
        """End it at once, as a power cut would: what it had not saved is lost."""
        if self._process is None:
            return
        self._process.kill()
        self._ended()

    def _connect(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise BrokerFailed(f"{self.name} ended at once: {self._last_words()}")
        socket.create_connection((LOCALHOST, self.port), timeout=1).close()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "without a word"


def installed(program: str) -> str | None:
    """Where a program of Mosquitto's package is, also in the folders of PATH that Debian gives to root only; else None."""
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def mosquitto(folder: Path) -> Broker | None:
    """A Mosquitto, not started yet, that keeps its store in `folder`. None where Mosquitto 2 is not installed."""
    binary = installed("mosquitto")
    if binary is None:
        return None
    version = _version_of(binary)
    if version < _OLDEST_MOSQUITTO:
        return None
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(_MOSQUITTO_CONF.format(port=port, host=LOCALHOST, user=getpass.getuser(), folder=folder))
    return Broker(
        (binary, "-c", str(conf)),
        name=f"Mosquitto {'.'.join(map(str, version))}",
        protocols=("5", "3.1.1"),
        port=port,
        log=folder / "mosquitto.log",
    )


def amqtt(folder: Path) -> Broker | None:
    """An amqtt, not started yet, which keeps everything in memory. None where it is not installed."""
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


Kind = Callable[[Path], Broker | None]
KINDS: Final[tuple[Kind, ...]] = (mosquitto, amqtt)
"""The best first."""


@contextmanager
def running(folder: Path, kinds: Sequence[Kind] = KINDS) -> Iterator[Broker]:
    """The first of these brokers that there is, started, and stopped at the end. Raises BrokerFailed."""
    broker = next(filter(None, (kind(folder) for kind in kinds)), None)
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


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.create_server((LOCALHOST, 0)) as server:
        return int(server.getsockname()[1])


def _version_of(binary: str) -> tuple[int, ...]:
    # It answers -h with status 3 (and 0 from 2.1 on), and begins with "mosquitto version 2.0.11".
    told = subprocess.run([binary, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else (0,)
