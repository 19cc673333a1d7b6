"""What a gateway does when nobody hurries it: it starts, publishes what is due, rests, drains, and keeps its memory.

It starts twice. At first everything is due, as after an import, and the broker knows nothing; then it is started again on
what it has left, which is how a restart is.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg

from benchmarks import sessions
from benchmarks.contestants import Contestant, Failed, Running, command, running
from benchmarks.fleet import Fleet
from benchmarks.meter import peak_bytes, resident_bytes, seconds_of
from benchmarks.outcome import has_committed, has_published, has_published_spaces, require_right
from benchmarks.servers import Mosquitto, mosquitto
from benchmarks.stage import Stage
from parking_gateway.cli.demo.brokers import free_port

_LOOK_SECONDS: Final = 0.02
_SETTLE_SECONDS: Final = 900
_CHANGES: Final = 0.1
_EAGER: Final = {"PUBLICATION__POLL_INTERVAL": "0.1"}
"""A gateway that looks for what others changed ten times a second, so that its work is measured and not its rest."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """Of one gateway, with so many spaces. Seconds are from the start of a process."""

    spaces: int
    spaces_published_after: float
    """At the first start: until the broker has confirmed every space."""
    all_published_after: float
    """And every device, zone and site."""
    ready_after: float
    """At the second start, where nothing is due: until /readyz says so."""
    idle_seconds: float
    idle_cpu_seconds: float
    idle_bytes: int
    idle_peak_bytes: int | None
    drained_uplinks: int
    drained_bytes: int
    drained_peak_bytes: int | None

    @property
    def idle_share(self) -> float:
        """Of a core."""
        return self.idle_cpu_seconds / self.idle_seconds if self.idle_seconds else 0.0


class Republished(msgspec.Struct, frozen=True, kw_only=True):
    """What became of spaces that all were due at once, while the gateway was running and had nothing to do."""

    confirmed: int
    seconds: float
    """From the commit that made them due until the last was confirmed."""


Watcher = psycopg.Connection[object]


def lead(spaces: int, *, idle_seconds: float, uplinks: int, here: Stage) -> Life:
    """Lead a life. Raises Failed."""
    url = here.make(f"life_{spaces}", spaces=spaces)
    with mosquitto(here.folder) as broker, psycopg.connect(url, autocommit=True) as watcher:
        with _started(broker, url, here) as (gateway, _):
            spaces_published = _settle(gateway, watcher, only_spaces=True) - gateway.started_at
            all_published = _settle(gateway, watcher) - gateway.started_at
        with _started(broker, url, here) as (gateway, listen):
            ready = gateway.wait_until_ready(listen) - gateway.started_at
            _settle(gateway, watcher)
            used_before, began = seconds_of(gateway.pid), time.monotonic()
            time.sleep(idle_seconds)  # this is what is measured
            idle_cpu, rested = seconds_of(gateway.pid) - used_before, time.monotonic() - began
            idle, idle_peak = resident_bytes(gateway.pid), peak_bytes(gateway.pid)
            _drain(Fleet(spaces, changes=_CHANGES, form="json"), uplinks, gateway, broker, watcher)
            return Life(
                spaces=spaces,
                spaces_published_after=spaces_published,
                all_published_after=all_published,
                ready_after=ready,
                idle_seconds=rested,
                idle_cpu_seconds=idle_cpu,
                idle_bytes=idle,
                idle_peak_bytes=idle_peak,
                drained_uplinks=uplinks,
                drained_bytes=resident_bytes(gateway.pid),
                drained_peak_bytes=peak_bytes(gateway.pid),
            )


def republish(spaces: int, *, here: Stage) -> Republished:
    """Let an operator tell a gateway that rests to publish everything again. Raises Failed."""
    url = here.make(f"republish_{spaces}", spaces=spaces)
    with (
        mosquitto(here.folder) as broker,
        psycopg.connect(url, autocommit=True) as watcher,
        _started(broker, url, here, settings=_EAGER) as (gateway, listen),
    ):
        gateway.wait_until_ready(listen)
        _settle(gateway, watcher)
        with command("republish", settings={"DATABASE__URL": url}) as asking:
            began = gateway.wait_until(
                lambda: _is_due(watcher, spaces), what="been told", every=0, within=_SETTLE_SECONDS
            )
            ended = _settle(gateway, watcher, only_spaces=True)
        if asking.returncode:
            raise Failed(f"`parking-gateway republish` ended with status {asking.returncode}")
        return Republished(confirmed=_confirmed(watcher), seconds=ended - began)


@contextmanager
def _started(
    broker: Mosquitto, url: str, here: Stage, *, settings: dict[str, str] | None = None
) -> Iterator[tuple[Running, str]]:
    listen = f"127.0.0.1:{free_port()}"
    with running(
        Contestant.DAEMON,
        broker_url=broker.url,
        database_url=url,
        log=here.folder / "life.log",
        settings={"TELEMETRY__LISTEN": listen, **(settings or {})},
    ) as gateway:
        yield gateway, listen
        gateway.stop()


def _settle(gateway: Running, watcher: Watcher, *, only_spaces: bool = False) -> float:
    is_done = has_published_spaces if only_spaces else has_published
    return gateway.wait_until(lambda: is_done(watcher), what="published", every=_LOOK_SECONDS, within=_SETTLE_SECONDS)


def _drain(fleet: Fleet, uplinks: int, gateway: Running, broker: Mosquitto, watcher: Watcher) -> None:
    asyncio.run(sessions.fill(broker.url, (event.publication for event in fleet.backlog(uplinks))))
    told = fleet.told()
    gateway.wait_until(
        lambda: has_committed(watcher, told), what="committed", every=_LOOK_SECONDS, within=_SETTLE_SECONDS
    )
    _settle(gateway, watcher)
    require_right(Contestant.DAEMON, watcher, told)


def _is_due(watcher: Watcher, space: int) -> bool:
    """One look into an index. All become due in one commit, and the last of them is hardly published first."""
    row = watcher.execute("select version <> published_version from space where id = %s", [space]).fetchone()
    return row == (True,)


def _confirmed(watcher: Watcher) -> int:
    row = watcher.execute("select count(*)::int from space where version = published_version").fetchone()
    return msgspec.convert(row, tuple[int])[0]
