"""The gateway as systemd starts it: a process, its signals, and its states on the notification socket."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from tests import forked
from tests.forked import Forked

_READY_SECONDS = 60
_STOP_SECONDS = 20
_SHOWN = 8_000
"""Characters of a log, shown with a failure."""


class Daemon:
    """`parking-gateway run` in a process of its own, configured by environment variables."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self.log = log
        self.environment = environment
        """Its settings among them."""
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Abstract, because the path of a test's folder may be too long for a socket.
        self._address = f"\0parking-gateway-{os.getpid()}-{id(self)}"
        self._notifications.bind(self._address)
        self._page_port = 0
        self.notifications: list[str] = []
        """The states that it sent to systemd since its last start."""
        self.stdout: int | None = None
        """A file descriptor for its output, instead of the file `log`."""
        self.launcher: tuple[str, ...] = ()
        """A command that becomes the gateway, such as a sandbox."""
        self.is_forked = True
        """Whether it starts as a copy of a process that has imported it. Not where its memory or its start is measured."""

    def configure(self, **settings: str) -> None:
        """Change settings of the fixture, such as MQTT__PROTOCOL="5"."""
        self.environment |= {f"PARKING_GATEWAY_{name}": value for name, value in settings.items()}

    def serve_pages(self) -> None:
        """Let it serve its pages from its next start on."""
        self._page_port = free_port()
        self.configure(TELEMETRY__LISTEN=self.listen)

    @property
    def listen(self) -> str:
        """The address of its pages."""
        return f"{LOCALHOST}:{self._page_port}"

    def page(self, path: str) -> tuple[int, str]:
        """Status and body of one of its pages. Raises OSError where it does not listen."""
        with closing(HTTPConnection(LOCALHOST, self._page_port, timeout=10)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def metric(self, sample: str) -> float:
        """The value of a sample, such as `parking_gateway_broker_up`, with its labels as the page writes them."""
        _, text = self.page("/metrics")
        (found,) = re.findall(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found)

    def log_lines(self, message: str) -> list[dict[str, object]]:
        """The lines of its log with this message, without a last line that is not complete yet."""
        complete, _, _ = self.log.read_text().rpartition("\n")
        lines = [json.loads(line) for line in complete.splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def wait_for_line(self, message: str) -> dict[str, object]:
        """Wait for a line of its log with this message, which a thread writes a moment later. Fails if there is another one."""
        deadline = time.monotonic() + _READY_SECONDS
        while not (lines := self.log_lines(message)):
            if time.monotonic() > deadline:
                pytest.fail(f"The log has no line with {message!r}:\n{self.log.read_text()}")
            time.sleep(0.02)
        (line,) = lines
        return line

    def start(self, *arguments: str) -> None:
        """Start it."""
        self.notifications.clear()
        environment = self.environment | {"NOTIFY_SOCKET": self._address.replace("\0", "@")}
        with self.log.open("ab") as log:
            stderr = log.fileno()
            stdout = stderr if self.stdout is None else self.stdout
            if self.is_forked and not self.launcher:
                self._process = forked.start("run", *arguments, env=environment, stdout=stdout, stderr=stderr)
                return
            command = [*self.launcher, sys.executable, "-m", "parking_gateway", "run", *arguments]
            self._process = subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr)

    def wait_until(self, state: str) -> None:
        """Wait until it has sent this state to systemd, such as READY=1. Fails when it ends before."""
        self._wait_until(state, lambda: state in self.notifications)

    def wait_until_prefix(self, beginning: str) -> None:
        """Wait until it has sent a state that begins with this text, such as STATUS=Not ready."""
        self._wait_until(beginning, lambda: any(state.startswith(beginning) for state in self.notifications))

    def _wait_until(self, state: str, is_sent: Callable[[], bool]) -> None:
        assert self._process is not None
        self._notifications.settimeout(0.1)
        deadline = time.monotonic() + _READY_SECONDS
        while not is_sent():
            with suppress(TimeoutError):
                self.notifications.append(self._notifications.recv(4096).decode())
                continue
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The gateway never sent {state}. Its log:\n{self.log.read_text()}")

    def notified(self) -> list[str]:
        """The states that it has sent to systemd since the last call, and that nobody has waited for."""
        found = []
        with suppress(BlockingIOError):
            self._notifications.setblocking(False)  # noqa: FBT003 - the standard library's signature
            while True:
                found.append(self._notifications.recv(4096).decode())
        return found

    def start_and_wait(self, *arguments: str) -> None:
        """Start it and wait until it has sent READY=1."""
        self.start(*arguments)
        self.wait_until("READY=1")

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        assert self._process is not None
        return self._process.wait(_STOP_SECONDS)

    def terminate(self) -> int:
        """Send SIGTERM, and wait for its exit status."""
        self.send(signal.SIGTERM)
        return self.wait()

    def peak_bytes(self) -> int:
        """The peak of its memory since its start."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(peak) * 1024

    def close(self) -> None:
        """End it and close the socket."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._notifications.close()


@pytest.fixture
def daemon(tmp_path: Path, database: str, broker: Broker) -> Iterator[Daemon]:
    """A daemon for the test's broker and database, not started yet."""
    with daemon_in(tmp_path, database, broker, "test") as daemon:
        yield daemon
    _show_log(daemon)


@pytest.fixture
def second_daemon(tmp_path: Path, database: str, broker: Broker) -> Iterator[Daemon]:
    """A second gateway for the same broker and database."""
    with daemon_in(tmp_path, database, broker, "second") as daemon:
        yield daemon
    _show_log(daemon)


def _show_log(daemon: Daemon) -> None:
    """Print the end of its log. pytest shows it when the test has failed."""
    if daemon.log.exists():
        sys.stdout.write(end_of(daemon.log))


def end_of(log: Path) -> str:
    """The end of a log, to be shown with a failure."""
    return f"The end of {log}:\n{log.read_text()[-_SHOWN:]}\n"


@contextmanager
def daemon_in(folder: Path, database: str, broker: Broker, instance: str) -> Iterator[Daemon]:
    """A daemon of this instance, with its log and its state in `folder`, not started yet. Its process ends with the context."""
    daemon = Daemon(folder / f"{instance}.log", dict(os.environ))
    daemon.configure(
        MQTT__URL=broker.url,
        # `auto` costs a timeout at every connection to a broker that does not answer MQTT 5.
        MQTT__PROTOCOL="auto" if "5" in broker.protocols else broker.protocols[0],
        MQTT__CLIENT_ID=f"parking-gateway-{instance}",
        DATABASE__URL=database,
        TELEMETRY__LISTEN="",
        GATEWAY__INSTANCE=instance,
        GATEWAY__STATE_DIRECTORY=str(folder / f"state of {instance}"),
        # Shorter than the defaults, so that tests wait less.
        MQTT__RECONNECT_WAIT_MIN="0.2",
        MQTT__RECONNECT_WAIT_MAX="1",
        PUBLICATION__POLL_INTERVAL="1",
    )
    with closing(daemon):
        yield daemon
