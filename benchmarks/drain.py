"""How fast a contestant empties its session, and what that costs.

The clock starts when the broker lets it in, because then it delivers, and stops when the last acknowledgement is sent (a)
or the last uplink is committed (b, c), which is the same but for less than a millisecond. The database is asked for that
last uplink 50 times a second, by its key. CPU is counted until everything is done that the backlog asks for: for the
gateway, until all that it has to publish is confirmed.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from benchmarks import sessions
from benchmarks.contestants import Contestant, Running, has_committed, has_published, require_right, running
from benchmarks.fleet import Backlog
from benchmarks.meter import Processor, peak_bytes
from benchmarks.servers import Mosquitto, Postgres, mosquitto

_DRAIN_SECONDS: Final = 900
_LOOK_SECONDS: Final = 0.02


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant in one run."""

    contestant: Contestant
    uplinks: int
    seconds: float
    """From the first delivery to the last acknowledgement."""
    published_after: float | None
    """Seconds from the first delivery until the broker confirmed the last publication; of the gateway only."""
    cpu: Processor
    """Seconds, until everything was done."""
    peak_bytes: int | None

    @property
    def uplinks_per_second(self) -> float:
        """What it is all about."""
        return self.uplinks / self.seconds


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the databases that each contestant's is copied from."""

    bare: str
    gateway: str

    def of(self, contestant: Contestant) -> str:
        """The one for this contestant. One that stores nothing still gets one, so that all runs are alike."""
        return self.gateway if contestant is Contestant.DAEMON else self.bare


def run(
    order: list[Contestant], backlog: Backlog, *, database: Postgres, templates: Templates, folder: Path
) -> list[Drain]:
    """Put the same backlog into the sessions of all contestants, and let one after the other drain it."""
    with mosquitto(folder) as broker:
        asyncio.run(_fill(broker, order, backlog))
        return [_drain(one, backlog, broker, database, templates, folder) for one in order]


async def _fill(broker: Mosquitto, contestants: list[Contestant], backlog: Backlog) -> None:
    for contestant in contestants:
        await sessions.create(broker.url, contestant.client_id)
    await sessions.fill(broker.url, [event.publication for event in backlog.events])


def _drain(
    contestant: Contestant,
    backlog: Backlog,
    broker: Mosquitto,
    database: Postgres,
    templates: Templates,
    folder: Path,
) -> Drain:
    with ExitStack() as stack:
        url = stack.enter_context(database.database(template=templates.of(contestant)))
        watcher = stack.enter_context(psycopg.connect(url, autocommit=True))
        log = folder / f"{contestant.client_id}.log"
        uplinks = len(backlog.events)
        at_work = stack.enter_context(
            running(contestant, uplinks=uplinks, broker_url=broker.url, database_url=url, log=log)
        )
        began = at_work.wait_for_connection(broker, contestant.client_id)

        def used() -> Processor:
            backend = watcher.info.backend_pid
            return Processor.now(loop=at_work.pid, broker=broker.pid, database=database.pid, watcher=backend)

        used_before = used()
        ended = _wait(contestant, at_work, watcher, backlog)
        published = _wait_for_publications(at_work, watcher) if contestant is Contestant.DAEMON else None
        drained = Drain(
            contestant=contestant,
            uplinks=uplinks,
            seconds=ended - began,
            published_after=None if published is None else published - began,
            cpu=used().since(used_before),
            peak_bytes=peak_bytes(at_work.pid),
        )
        at_work.stop()
        if contestant is not Contestant.RECEIVE:
            require_right(contestant, watcher, backlog)
        asyncio.run(sessions.require_empty(broker.url, contestant.client_id))
        return drained


def _wait(contestant: Contestant, at_work: Running, watcher: psycopg.Connection[object], backlog: Backlog) -> float:
    if contestant is Contestant.RECEIVE:
        return at_work.wait_until_drained()
    ended = at_work.wait_until(
        lambda: has_committed(watcher, backlog), what="committed", every=_LOOK_SECONDS, within=_DRAIN_SECONDS
    )
    if contestant is Contestant.BARE:
        at_work.wait_until_drained()
    return ended


def _wait_for_publications(at_work: Running, watcher: psycopg.Connection[object]) -> float:
    return at_work.wait_until(
        lambda: has_published(watcher), what="published", every=_LOOK_SECONDS, within=_DRAIN_SECONDS
    )
