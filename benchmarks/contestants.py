"""The contestants that drain the backlog: processes with the same environment variables, each with its own session."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final, assert_never

from benchmarks import telegraf
from benchmarks.servers import Mosquitto
from benchmarks.standing import DRAINED

_ROOT: Final = Path(__file__).parent.parent
_PREFIX: Final = "PARKING_GATEWAY_"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30
_READY_SECONDS: Final = 0.01
_LAST_LINES: Final = 5
_REST: Final = 4
"""The pause after a query, as a multiple of its duration: on a large database, a query takes CPU that no contestant uses."""

INSTANCE: Final = "bench"
"""The gateway's name in topics."""
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
"""More environment variables, without their prefix."""


class Contestant(StrEnum):
    """The contestants, by their letters in the documentation."""

    RECEIVE = "a"
    BARE = "b"
    DAEMON = "c"
    TELEGRAF = "t"

    @property
    def client_id(self) -> str:
        """The client id of its session."""
        return f"bench-{self.value}"

    @property
    def words(self) -> str:
        """Its name in a table."""
        return {
            Contestant.RECEIVE: "(a) receive and acknowledge only",
            Contestant.BARE: "(b) bare durable loop",
            Contestant.DAEMON: "(c) the gateway",
            Contestant.TELEGRAF: "(t) Telegraf",
        }[self]


class Failed(Exception):  # noqa: N818 - it is what happened
    """A contestant ended early, was too slow, or left a wrong result. The message has the details."""


class Running:
    """A running contestant."""

    def __init__(self, process: subprocess.Popen[str], log: Path, *, started_at: float) -> None:
        self.pid = process.pid
        self.started_at = started_at
        """On the monotonic clock."""
        self._process = process
        self._log = log

    def wait_until(self, is_done: Callable[[], bool], *, participle: str, every: float, within: float) -> float:
        """Poll until it is done. Returns the time on the monotonic clock. Raises Failed."""
        end = time.monotonic() + within
        while True:
            began = time.monotonic()
            is_over, ended = is_done(), time.monotonic()
            if is_over:
                return ended
            self.require_alive()
            if ended > end:
                raise Failed(f"It has not {participle} within {within:.0f} s: {self._last_lines()}")
            time.sleep(max(every, _REST * (ended - began)))

    def wait_for_connection(self, broker: Mosquitto, client_id: str) -> float:
        """The time of its connection to the broker, on the monotonic clock. Raises Failed."""
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            self.require_alive()
            if (at := broker.connected_at(client_id, after=self.started_at, within=1)) is not None:
                return at
        raise Failed(f"It has not connected to the broker: {self._last_lines()}")

    def wait_until_ready(self, listen: str) -> float:
        """Wait until /readyz at this address has status 200. Returns the time on the monotonic clock. Raises Failed."""
        return self.wait_until(
            lambda: _is_ready(listen), participle="become ready", every=_READY_SECONDS, within=_START_SECONDS
        )

    def wait_until_drained(self) -> float:
        """Wait until one of our own loops reports that it has drained. Raises Failed."""
        if self._process.stdout is None or self._process.stdout.readline().strip() != DRAINED:
            raise Failed(f"It ended early: {self._last_lines()}")
        return time.monotonic()

    def require_alive(self) -> None:
        """Raise Failed when it has ended."""
        if self._process.poll() is not None:
            raise Failed(f"It ended with status {self._process.returncode}: {self._last_lines()}")

    def freeze(self) -> None:
        """Suspend its process."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue its process."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it. Raises Failed unless its exit status is 0."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # our own loops end at the end of their input
        else:
            self._process.terminate()
        if status := self._process.wait(_STOP_SECONDS):
            raise Failed(f"It ended with status {status}: {self._last_lines()}")

    def _last_lines(self) -> str:
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]) or "no output"


@contextmanager
def running(
    contestant: Contestant,
    *,
    broker_url: str,
    database_url: str,
    log: Path,
    uplinks: int = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
) -> Iterator[Running]:
    """Start it, and kill it at the end. Our own loops end after `uplinks` uplinks."""
    usual = {
        "MQTT__URL": broker_url,
        "MQTT__CLIENT_ID": contestant.client_id,
        "DATABASE__URL": database_url,
        "GATEWAY__INSTANCE": INSTANCE,
        "GATEWAY__STATE_DIRECTORY": str(log.with_suffix(".state")),
        "TELEMETRY__LISTEN": "127.0.0.1:0",
    }
    started_at = time.monotonic()
    with log.open("w") as file, _popen(contestant, uplinks, environment({**usual, **settings}), file) as process:
        try:
            yield Running(process, log, started_at=started_at)
        finally:
            process.kill()


def _popen(contestant: Contestant, uplinks: int, variables: dict[str, str], log: IO[str]) -> subprocess.Popen[str]:
    is_ours = contestant in {Contestant.RECEIVE, Contestant.BARE}
    return subprocess.Popen(  # noqa: S603 - our own modules, and a program that we have built
        _command(contestant, uplinks),
        cwd=_ROOT,
        env=variables,
        stdin=subprocess.PIPE if is_ours else None,
        stdout=subprocess.PIPE if is_ours else log,
        stderr=log,
        text=True,
    )


def _command(contestant: Contestant, uplinks: int) -> Sequence[str]:
    match contestant:
        case Contestant.RECEIVE:
            return (sys.executable, "-m", "benchmarks.receive", str(uplinks))
        case Contestant.BARE:
            return (sys.executable, "-m", "benchmarks.bare", str(uplinks))
        case Contestant.DAEMON:
            return (sys.executable, "-m", "parking_gateway", "run")
        case Contestant.TELEGRAF:
            return (str(telegraf.program()), "--config", str(telegraf.CONFIGURATION))
        case _:
            assert_never(contestant)


def command(*arguments: str, settings: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start another command of the gateway, as an operator does."""
    return subprocess.Popen(  # noqa: S603 - our own module
        (sys.executable, "-m", "parking_gateway", *arguments),
        cwd=_ROOT,
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        text=True,
    )


def read_page(listen: str, path: str) -> str:
    """The body of a page. Raises OSError unless it has status 200."""
    connection = http.client.HTTPConnection(listen)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: status {response.status}")
        return response.read().decode()
    finally:
        connection.close()


def _is_ready(listen: str) -> bool:
    try:
        read_page(listen, "/readyz")
    except OSError:
        return False  # it does not listen yet, or is not ready
    return True


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, with only these settings of the gateway."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    return inherited | {f"{_PREFIX}{name}": value for name, value in settings.items()}
