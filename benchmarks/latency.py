"""From an uplink's publication to the retained state that it causes, at a steady rate, as a subscriber sees it.

Uplinks are published at their times whether the gateway keeps up or not. One whose space had changed again before its own
state was published is not left out: it counts from its own publication to that newer state.
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
from benchmarks.outcome import has_committed, has_published, require_right
from benchmarks.servers import Postgres, mosquitto
from benchmarks.standing import link
from parking_gateway.broker.link import Link

_STATES: Final = "parking/v1/spaces/#"
_SETTLE_SECONDS: Final = 120
_TICK_SECONDS: Final = 0.001
"""How finely the publications are spread."""
_WARM_UP_SECONDS: Final = 2.0
"""Of the beginning, which are not counted: statements are prepared, memory is taken."""
_LOOK_SECONDS: Final = 0.02


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A steady stream of uplinks."""

    rate: int
    """Uplinks a second."""
    changes: float
    """The share of them that changes a state, and so the only ones with a latency."""


LOADS: Final = (Load(rate=200, changes=1.0), Load(rate=2000, changes=0.1), Load(rate=2000, changes=1.0))


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscriber waited for a state, in milliseconds."""

    load: Load
    samples: int
    p50: float
    p99: float
    p999: float
    worst: float
    publisher_late: float
    """How late the benchmark's own publisher was at worst: an uplink's time begins when it is really published."""


class Watch:
    """Which changes are on their way, by space, and how long each that came has taken, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.is_all_expected = False
        """Whether no more changes will be published."""
        self._pending: dict[str, deque[tuple[str, float, bool]]] = {}

    @property
    def pending(self) -> int:
        """Changes that no subscriber has seen."""
        return sum(map(len, self._pending.values()))

    def expect(self, event: Event, *, at: float, counts: bool) -> None:
        """It is published now, and will change its space."""
        space = f"space-{event.space}"
        self._pending.setdefault(space, deque()).append((event.deduplication_id, at, counts))

    def saw(self, state: "State", *, at: float) -> None:
        """The subscriber has this state: all that was said of the space up to its cause has arrived."""
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
    """What is needed of a published space."""

    space: str
    cause: str | None


_parse: Final = msgspec.json.Decoder(State).decode


def run(  # noqa: PLR0913 - what, for how long, and on which servers
    load: Load, *, seconds: float, spaces: int, form: Form, database: Postgres, template: str, folder: Path
) -> Latency:
    """Start a gateway, wait until it has nothing to do, and put the load on it. Raises Failed."""
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
                lambda: has_published(watcher), what="published", every=_LOOK_SECONDS, within=_SETTLE_SECONDS
            )

        gateway.wait_for_connection(broker, Contestant.DAEMON.client_id)
        settle()
        watch = Watch()
        late = asyncio.run(_play(broker.url, fleet, load, watch, seconds))
        told = fleet.told()
        gateway.wait_until(
            lambda: has_committed(watcher, told), what="committed", every=_LOOK_SECONDS, within=_SETTLE_SECONDS
        )
        settle()
        gateway.stop()
        require_right(Contestant.DAEMON, watcher, told)
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
    said = 0
    late = 0.0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        due = [_say(fleet) for _ in range(said, int(passed * load.rate))]
        now = time.monotonic()
        for event, is_change in due:
            if is_change:
                watch.expect(event, at=now, counts=now - began > _WARM_UP_SECONDS)
        if due:
            late = max(late, now - began - said / load.rate)
            said += len(due)
            await feeder.publish([event.publication for event, _ in due])
        await asyncio.sleep(_TICK_SECONDS)
    return late


def _say(fleet: Fleet) -> tuple[Event, bool]:
    before = fleet.changed
    event = fleet.say(datetime.now(UTC))
    return event, fleet.changed != before


async def _watch(subscriber: Link, watch: Watch) -> None:
    async for batch in subscriber.batches(limit=1000):
        now = time.monotonic()
        for message in batch:
            watch.saw(_parse(message.payload), at=now)
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
