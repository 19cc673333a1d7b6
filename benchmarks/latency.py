"""The time from an uplink's publication until a subscriber receives the retained state that it causes, at a steady rate.

Uplinks are published at their times whether the gateway keeps up or not. When a space changes again before its state was
published, both uplinks count until the newer state.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Final

import msgspec
import psycopg

from benchmarks import sessions
from benchmarks.contestants import Contestant, Failed, running
from benchmarks.events import Form
from benchmarks.fleet import Event, Fleet
from benchmarks.outcome import has_committed, has_published, require_outcome
from benchmarks.servers import Postgres, mosquitto
from benchmarks.standing import link
from parking_gateway.broker.link import Link

_STATES: Final = "parking/v1/spaces/#"
_SETTLE_SECONDS: Final = 120
_TICK_SECONDS: Final = 0.001
"""The time between two looks for uplinks that are due."""
_WARM_UP_SECONDS: Final = 2.0
"""Seconds at the beginning that are not counted, while statements are prepared and memory is allocated."""
_LOOK_SECONDS: Final = 0.02


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A steady stream of uplinks."""

    rate: int
    """Uplinks a second."""
    changes: float
    """The share of uplinks that changes a state. Only these have a latency."""


LOADS: Final = (Load(rate=200, changes=1.0), Load(rate=2000, changes=0.1), Load(rate=2000, changes=1.0))


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long a subscriber waited for a state, in milliseconds."""

    load: Load
    samples: int
    p50: float
    p99: float
    p999: float
    worst: float
    publisher_late: float
    """The longest delay of the benchmark's own publisher. The latency of an uplink begins with its real publication."""


class Watch:
    """The changes that were published and not received yet, by space, and the latencies of all others in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.is_all_expected = False
        """Whether all changes have been published."""
        self._pending: dict[str, deque[tuple[str, float, bool]]] = {}

    @property
    def pending(self) -> int:
        """The number of changes without a received state."""
        return sum(map(len, self._pending.values()))

    def expect(self, event: Event, *, at: float, counts: bool) -> None:
        """Add an uplink that is published now and changes its space."""
        space = f"space-{event.space}"
        self._pending.setdefault(space, deque()).append((event.deduplication_id, at, counts))

    def receive(self, state: "State", *, at: float) -> None:
        """Take a received state: it answers all changes of its space up to its cause."""
        pending = self._pending.get(state.space, deque())
        if not any(cause == state.cause for cause, _, _ in pending):
            return
        while pending:
            cause, published_at, counts = pending.popleft()
            if counts:
                self.seconds.append(at - published_at)
            if cause == state.cause:
                return


class State(msgspec.Struct, frozen=True, gc=False):
    """The fields of a published state that are needed here."""

    space: str
    cause: str | None


_parse: Final = msgspec.json.Decoder(State).decode


def run(  # noqa: PLR0913 - what, for how long, and on which servers
    load: Load, *, seconds: float, spaces: int, form: Form, database: Postgres, template: str, folder: Path
) -> Latency:
    """Start a gateway, wait until it is idle, and measure it under the load. Raises Failed."""
    fleet = Fleet(spaces, changes=load.changes, form=form)
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder))
        url = stack.enter_context(database.database(template=template))
        watcher = stack.enter_context(psycopg.connect(url, autocommit=True))
        gateway = stack.enter_context(
            running(Contestant.DAEMON, broker_url=broker.url, database_url=url, log=folder / "latency.log")
        )

        def settle() -> None:
            gateway.wait_until(
                lambda: has_published(watcher), participle="published", every=_LOOK_SECONDS, within=_SETTLE_SECONDS
            )

        gateway.wait_for_connection(broker, Contestant.DAEMON.client_id)
        settle()
        watch = Watch()
        late = asyncio.run(_play(broker.url, fleet, load, watch, seconds))
        expected = fleet.outcome()
        gateway.wait_until(
            lambda: has_committed(watcher, expected),
            participle="committed",
            every=_LOOK_SECONDS,
            within=_SETTLE_SECONDS,
        )
        settle()
        gateway.stop()
        require_outcome(Contestant.DAEMON, watcher, expected)
        return _latency(load, watch, late)


async def _play(broker_url: str, fleet: Fleet, load: Load, watch: Watch, seconds: float) -> float:
    async with (
        link(sessions.as_client(broker_url, "bench-feeder")) as feeder,
        link(sessions.as_client(broker_url, "bench-subscriber")) as subscriber,
    ):
        await subscriber.subscribe(_STATES)
        watching = asyncio.create_task(_watch(subscriber, watch))
        late = await _publish(feeder, fleet, load, watch, seconds)
        watch.is_all_expected = True
        try:
            async with asyncio.timeout(_SETTLE_SECONDS if watch.pending else 0):
                await watching
        except TimeoutError:
            if watch.pending:
                raise Failed(f"{watch.pending} changes were never published") from None
        return late


async def _publish(feeder: Link, fleet: Fleet, load: Load, watch: Watch, seconds: float) -> float:
    published = 0
    late = 0.0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        due = [_next_event(fleet) for _ in range(published, int(passed * load.rate))]
        now = time.monotonic()
        for event, is_change in due:
            if is_change:
                watch.expect(event, at=now, counts=now - began > _WARM_UP_SECONDS)
        if due:
            late = max(late, now - began - published / load.rate)
            published += len(due)
            await feeder.publish([event.publication for event, _ in due])
        await asyncio.sleep(_TICK_SECONDS)
    return late


def _next_event(fleet: Fleet) -> tuple[Event, bool]:
    before = fleet.changed
    event = fleet.next_event(datetime.now(UTC))
    return event, fleet.changed != before


async def _watch(subscriber: Link, watch: Watch) -> None:
    async for batch in subscriber.batches(limit=1000):
        now = time.monotonic()
        for message in batch:
            watch.receive(_parse(message.payload), at=now)
        subscriber.acknowledge(batch)
        if watch.is_all_expected and not watch.pending:
            return


def _latency(load: Load, watch: Watch, late: float) -> Latency:
    milliseconds = sorted(1000 * seconds for seconds in watch.seconds)
    cuts: Sequence[float] = quantiles(milliseconds, n=1000, method="inclusive")
    return Latency(
        load=load,
        samples=len(milliseconds),
        p50=cuts[499],
        p99=cuts[989],
        p999=cuts[998],
        worst=milliseconds[-1],
        publisher_late=1000 * late,
    )
