"""How fast a contestant empties its session, and what that costs.

The time starts when the broker accepts the connection, because then it delivers. It ends when the last acknowledgement is
sent (a) or all uplinks are committed (b, c, t), which differs by less than a millisecond. The database is queried 50 times a
second: for the last uplink, by its key, and once that is there, for the number of all. CPU is counted until the work is
done: for the gateway, until every change of a space is published.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import psycopg

from benchmarks import sessions, telegraf
from benchmarks.contestants import NO_SETTINGS, Contestant, Running, running
from benchmarks.fleet import ExpectedOutcome, Fleet
from benchmarks.meter import Processor, peak_bytes, sampled
from benchmarks.outcome import has_committed, has_committed_all, has_published_changes, require_all, require_outcome
from benchmarks.servers import Mosquitto, Postgres, mosquitto

_DRAIN_SECONDS: Final = 900
_LOOK_SECONDS: Final = 0.02

Contender = TypeVar("Contender")


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant in one run."""

    contestant: Contestant
    uplinks: int
    seconds: float
    """From the first delivery to the last acknowledgement."""
    published_after: float | None
    """Seconds from the first delivery until the broker confirmed the last change of a space; only for the gateway."""
    cpu: Processor
    """Seconds, until everything was done."""
    peak_bytes: int | None
    resident_bytes: list[int]
    """Once a second, until everything was done."""

    @property
    def uplinks_per_second(self) -> float:
        """The throughput."""
        return self.uplinks / self.seconds


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """The servers and settings of a drain."""

    server: Postgres
    database: Callable[[Contestant], AbstractContextManager[str]]
    """Makes the database of a contestant for one drain, and returns its URL."""
    folder: Path
    settings: Mapping[str, str] = NO_SETTINGS
    """Environment variables of the contestants, without their prefix."""


def run(order: Sequence[Contestant], fleet: Fleet, uplinks: int, ground: Ground) -> list[Drain]:
    """Put the same backlog into the sessions of all contestants, and let each drain it in turn."""
    with mosquitto(ground.folder) as broker:
        asyncio.run(_fill(broker, order, fleet, uplinks))
        expected = fleet.outcome()
        return [_drain(one, uplinks, expected, broker, ground) for one in order]


def turned(order: Sequence[Contender], number: int) -> Sequence[Contender]:
    """The order of the run with this number, so that no contestant is always the first or always after the same one."""
    turn = number % len(order)
    return [*order[turn:], *order[:turn]]


async def _fill(broker: Mosquitto, contestants: Sequence[Contestant], fleet: Fleet, uplinks: int) -> None:
    for contestant in contestants:
        await sessions.create(broker.url, contestant.client_id)
    await sessions.fill(broker.url, (event.publication for event in fleet.backlog(uplinks)))


def _drain(contestant: Contestant, uplinks: int, expected: ExpectedOutcome, broker: Mosquitto, ground: Ground) -> Drain:
    with ExitStack() as stack:
        url = stack.enter_context(ground.database(contestant))
        watcher = stack.enter_context(psycopg.connect(url, autocommit=True))
        asyncio.run(sessions.remember_gateway(broker.url, watcher))
        if contestant is Contestant.TELEGRAF:
            watcher.execute(telegraf.TABLE)
        at_work = stack.enter_context(
            running(
                contestant,
                broker_url=broker.url,
                database_url=url,
                log=ground.folder / f"{contestant.client_id}.log",
                uplinks=uplinks,
                settings=ground.settings,
            )
        )
        began = at_work.wait_for_connection(broker, contestant.client_id)

        def used() -> Processor:
            backend = watcher.info.backend_pid
            return Processor.now(loops=[at_work.pid], broker=broker.pid, database=ground.server.pid, watcher=backend)

        used_before = used()
        with sampled(at_work.pid) as resident:
            ended = _wait(contestant, at_work, watcher, expected)
            published = _wait_for_publications(at_work, watcher) if contestant is Contestant.DAEMON else None
        drained = Drain(
            contestant=contestant,
            uplinks=uplinks,
            seconds=ended - began,
            published_after=None if published is None else published - began,
            cpu=used().since(used_before),
            peak_bytes=peak_bytes(at_work.pid),
            resident_bytes=resident,
        )
        at_work.stop()
        if contestant is Contestant.TELEGRAF:
            require_all(watcher, expected)
        elif contestant is not Contestant.RECEIVE:
            require_outcome(contestant, watcher, expected)
        asyncio.run(sessions.require_empty(broker.url, contestant.client_id))
        return drained


def _wait(
    contestant: Contestant, at_work: Running, watcher: psycopg.Connection[object], expected: ExpectedOutcome
) -> float:
    if contestant is Contestant.RECEIVE:
        return at_work.wait_until_drained()
    is_done = has_committed_all if contestant is Contestant.TELEGRAF else has_committed
    ended = at_work.wait_until(
        lambda: is_done(watcher, expected), participle="committed", every=_LOOK_SECONDS, within=_DRAIN_SECONDS
    )
    if contestant is Contestant.BARE:
        at_work.wait_until_drained()
    return ended


def _wait_for_publications(at_work: Running, watcher: psycopg.Connection[object]) -> float:
    return at_work.wait_until(
        lambda: has_published_changes(watcher), participle="published", every=_LOOK_SECONDS, within=_DRAIN_SECONDS
    )
