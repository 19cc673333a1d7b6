"""Measures the start, the first publications, the idle CPU and the memory of a gateway.

It starts twice. At the first start everything is due, as after an import, and the broker is empty. The second start is an
ordinary restart.
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
from benchmarks.outcome import has_committed, has_published, has_published_spaces, require_outcome
from benchmarks.servers import Mosquitto, mosquitto
from benchmarks.stage import Stage
from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

_LOOK_SECONDS: Final = 0.02
_SETTLE_SECONDS: Final = 900
_CHANGES: Final = 0.1
_EAGER: Final = {"PUBLICATION__POLL_INTERVAL": "0.1"}
"""The gateway looks for changes of other processes ten times a second, so that its work is measured and not its pauses."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one gateway. Seconds are from the start of its process."""

    spaces: int
    spaces_published_after: float
    """At the first start: until the broker has confirmed every space."""
    all_published_after: float
    """The same for every device, zone and site."""
    ready_after: float
    """At the second start, where nothing is due: until /readyz has status 200."""
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
    """All spaces were due at once, while the gateway was running and idle."""

    confirmed: int
    seconds: float
    """From the commit that made them due until the last was confirmed."""


Watcher = psycopg.Connection[object]


def lead(spaces: int, *, idle_seconds: float, uplinks: int, here: Stage) -> Life:
    """Measure a gateway. Raises Failed."""
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
    """Let an idle gateway publish everything again, by the command `republish`. Raises Failed."""
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
                lambda: _is_due(watcher, spaces), participle="marked all as due", every=0, within=_SETTLE_SECONDS
            )
            ended = _settle(gateway, watcher, only_spaces=True)
        if asking.returncode:
            raise Failed(f"`parking-gateway republish` ended with status {asking.returncode}")
        return Republished(confirmed=_confirmed(watcher), seconds=ended - began)


@contextmanager
def _started(
    broker: Mosquitto, url: str, here: Stage, *, settings: dict[str, str] | None = None
) -> Iterator[tuple[Running, str]]:
    listen = f"{LOCALHOST}:{free_port()}"
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
    return gateway.wait_until(
        lambda: is_done(watcher), participle="published", every=_LOOK_SECONDS, within=_SETTLE_SECONDS
    )


def _drain(fleet: Fleet, uplinks: int, gateway: Running, broker: Mosquitto, watcher: Watcher) -> None:
    asyncio.run(sessions.fill(broker.url, (event.publication for event in fleet.backlog(uplinks))))
    expected = fleet.outcome()
    gateway.wait_until(
        lambda: has_committed(watcher, expected), participle="committed", every=_LOOK_SECONDS, within=_SETTLE_SECONDS
    )
    _settle(gateway, watcher)
    require_outcome(Contestant.DAEMON, watcher, expected)


def _is_due(watcher: Watcher, space: int) -> bool:
    """Whether this space is due. All become due in one commit, and the space with the highest id is hardly published first."""
    row = watcher.execute("select version <> published_version from space where id = %s", [space]).fetchone()
    return row == (True,)


def _confirmed(watcher: Watcher) -> int:
    row = watcher.execute("select count(*)::int from space where version = published_version").fetchone()
    return msgspec.convert(row, tuple[int])[0]
