"""Who drains the backlog: a process each, with the same environment variables and a session of its own on the broker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

import psycopg

from benchmarks.fleet import Backlog
from benchmarks.servers import Mosquitto
from benchmarks.standing import DRAINED

_ROOT: Final = Path(__file__).parent.parent
_PREFIX: Final = "PARKING_GATEWAY_"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30
_LAST_LINES: Final = 5


class Contestant(StrEnum):
    """By the letters of the documentation."""

    RECEIVE = "a"
    BARE = "b"
    DAEMON = "c"

    @property
    def client_id(self) -> str:
        """Whose session it drains."""
        return f"bench-{self.value}"

    @property
    def words(self) -> str:
        """What it does, for a table."""
        return {
            Contestant.RECEIVE: "(a) receive and acknowledge only",
            Contestant.BARE: "(b) bare durable loop",
            Contestant.DAEMON: "(c) the gateway",
        }[self]


class Failed(Exception):  # noqa: N818 - it is what happened
    """A contestant ended, was too slow, or did not do what it has to do. The message says which."""


class Running:
    """A contestant at work."""

    def __init__(self, process: subprocess.Popen[str], log: Path, *, started_at: float) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log
        self._started_at = started_at

    def wait_until(self, is_done: Callable[[], bool], *, what: str, every: float, within: float) -> float:
        """Ask again and again; return when the answer was yes, on the monotonic clock. Raises Failed."""
        end = time.monotonic() + within
        while not is_done():
            self.require_alive()
            if time.monotonic() > end:
                raise Failed(f"It has not {what} within {within:.0f} s: {self._last_words()}")
            time.sleep(every)
        return time.monotonic()

    def wait_for_connection(self, broker: Mosquitto, client_id: str) -> float:
        """When the broker let it in, on the monotonic clock. Raises Failed."""
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            self.require_alive()
            if (at := broker.connected_at(client_id, after=self._started_at, within=1)) is not None:
                return at
        raise Failed(f"It has not connected to the broker: {self._last_words()}")

    def wait_until_drained(self) -> float:
        """Wait for the word of one of our own loops. Raises Failed."""
        if self._process.stdout is None or self._process.stdout.readline().strip() != DRAINED:
            raise Failed(f"It ended early: {self._last_words()}")
        return time.monotonic()

    def require_alive(self) -> None:
        """Raise Failed when it is not."""
        if self._process.poll() is not None:
            raise Failed(f"It ended with status {self._process.returncode}: {self._last_words()}")

    def stop(self) -> None:
        """Ask it to end. Raises Failed unless it ends well."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # our own loops wait for that
        else:
            self._process.terminate()
        if status := self._process.wait(_STOP_SECONDS):
            raise Failed(f"It ended with status {status}: {self._last_words()}")

    def _last_words(self) -> str:
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]) or "without a word"


@contextmanager
def running(
    contestant: Contestant, *, uplinks: int, broker_url: str, database_url: str, log: Path
) -> Iterator[Running]:
    """Start it, and make sure that it is gone in the end."""
    variables = {
        "MQTT__URL": broker_url,
        "MQTT__CLIENT_ID": contestant.client_id,
        "DATABASE__URL": database_url,
        "GATEWAY__INSTANCE": "bench",
        "TELEMETRY__LISTEN": "127.0.0.1:0",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    started_at = time.monotonic()
    with log.open("w") as file, _popen(contestant, uplinks, inherited | _prefixed(variables), file) as process:
        try:
            yield Running(process, log, started_at=started_at)
        finally:
            process.kill()


def _popen(contestant: Contestant, uplinks: int, environment: dict[str, str], log: IO[str]) -> subprocess.Popen[str]:
    is_ours = contestant is not Contestant.DAEMON
    arguments = {
        Contestant.RECEIVE: ("benchmarks.receive", str(uplinks)),
        Contestant.BARE: ("benchmarks.bare", str(uplinks)),
        Contestant.DAEMON: ("parking_gateway", "run"),
    }[contestant]
    return subprocess.Popen(  # noqa: S603 - our own modules
        (sys.executable, "-m", *arguments),
        cwd=_ROOT,
        env=environment,
        stdin=subprocess.PIPE if is_ours else None,
        stdout=subprocess.PIPE if is_ours else log,
        stderr=log,
        text=True,
    )


def _prefixed(variables: dict[str, str]) -> dict[str, str]:
    return {f"{_PREFIX}{name}": value for name, value in variables.items()}


def has_committed(connection: psycopg.Connection[Any], backlog: Backlog) -> bool:
    """Whether the last uplink is in the table: one look into an index."""
    last = backlog.last
    statement = "select exists (select from uplink where time = %s and deduplication_id = %s)"
    found = connection.execute(statement, [last.time, last.deduplication_id]).fetchone()
    return found is not None and bool(found[0])


_DUE: Final = """
select exists (select from space where version > published_version)
    or exists (select from zone where version > published_version)
    or exists (select from site where version > published_version)
    or exists (select from device where version > published_version)
    or exists (select from transition join space on space.id = transition.space where transition.id > published_transition)
"""


def has_published(connection: psycopg.Connection[Any]) -> bool:
    """Whether the broker has confirmed everything that the gateway has to say."""
    found = connection.execute(_DUE).fetchone()
    return found is not None and not found[0]


_COUNT: Final = "select count(*), count(distinct deduplication_id) from uplink"
_RESULT: Final = {
    Contestant.BARE: ("select count(*) from transition", "select id from space where is_occupied"),
    Contestant.DAEMON: ("select count(*) from transition", "select id from space where state = 'OCCUPIED'"),
}


def require_right(contestant: Contestant, connection: psycopg.Connection[Any], backlog: Backlog) -> None:
    """Every uplink is there once, every change of a space too, and every space is as its sensor last said.

    Raises Failed.
    """
    transitions, occupied = _RESULT[contestant]
    found = {
        "uplinks": connection.execute(_COUNT).fetchone(),
        "transitions": connection.execute(transitions).fetchone(),
        "occupied spaces": {space for (space,) in connection.execute(occupied)},
    }
    expected = {
        "uplinks": (len(backlog.events), len(backlog.events)),
        "transitions": (backlog.transitions,),
        "occupied spaces": set(backlog.occupied),
    }
    for what, right in expected.items():
        if found[what] != right:
            raise Failed(f"{contestant.words}: wrong {what}: {found[what]} instead of {right}")
