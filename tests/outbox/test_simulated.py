"""The loop of the outbox on a simulated clock, broker and store: minutes of faults take a moment, and a seed repeats it."""

import asyncio
import json
import math
import random
import selectors
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import pytest
from typing_extensions import override

from parking_gateway.broker.link import MqttError
from parking_gateway.contract.publication import Publication
from parking_gateway.core.due import DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.loop import Outbox
from parking_gateway.outbox.marker import Marker
from parking_gateway.process.config.sections import PublicationConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store import confirmations, due
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience
from parking_gateway.store.query import Query, Rows
from tests.links import FakeLink

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPACES = 4
SECONDS = 900
POLL_INTERVAL, COUNTS_INTERVAL = timedelta(seconds=5), timedelta(seconds=5)
REFUSED_SECONDS = 20

CHANGED, STEPS = due.changed([]).statement, due.steps([]).statement
PAGES = {due.page(kind, limit=1).statement: kind for kind in DueKind}
CONFIRM = {confirmations.confirm(kind, []).statement: kind for kind in DueKind}
RECOUNT = {query.statement for query in confirmations.recount([])}


class Clock(selectors.SelectSelector):
    """Jumps over every wait of the event loop."""

    seconds = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "Nobody waits for a time, and nothing happens any more"
        self.seconds += timeout
        return super().select(0)

    def now(self) -> datetime:
        """The simulated time."""
        return START + timedelta(seconds=self.seconds)


def simulate(clock: Clock, work: Coroutine[Any, Any, None]) -> None:
    """Do the work on an event loop whose time is the clock's."""
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.seconds  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


def elements(array: str) -> list[int]:
    """Of an array as PostgreSQL reads it."""
    found: list[int] = json.loads(f"[{array[1:-1]}]")
    return found


class Store(Database):
    """The part of PostgreSQL that the outbox uses: one zone in memory. A commit can fail before and after it was made."""

    def __init__(self, dice: random.Random, clock: Clock) -> None:
        self._dice = dice
        self._clock = clock
        self.states = dict.fromkeys(range(1, SPACES + 1), "FREE")
        self.versions = {kind: {1: [1, 0]} for kind in (DueKind.ZONE, DueKind.SITE)}
        self.versions[DueKind.SPACE] = {key: [1, 0] for key in self.states}
        self.log: list[tuple[int, int, str, str]] = []
        self.published_steps = dict.fromkeys(self.states, 0)
        self.marker = 0

    def change(self, key: int) -> None:
        """A car arrives or leaves."""
        before, self.states[key] = self.states[key], "FREE" if self.states[key] == "OCCUPIED" else "OCCUPIED"
        self.log.append((key, len(self.log) + 1, before, self.states[key]))
        self.versions[DueKind.SPACE][key][0] += 1

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        await asyncio.sleep(self._dice.random() / 100)
        yield self

    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        """Answer, as PostgreSQL would."""
        await self._fail_seldom()
        answers = tuple([query.read(self._rows(query)) for query in queries])
        await asyncio.sleep(self._dice.random() / 100)
        await self._fail_seldom()
        return answers

    @override
    def renew(self) -> None:
        """Every connection is a new one."""

    @override
    def hang_up(self) -> None:
        """Nothing waits for long."""

    async def _fail_seldom(self) -> None:
        if self._dice.random() < 0.01:
            raise ConnectionResetError

    def _rows(self, query: Query[Any]) -> Rows:
        columns = {name.removeprefix("batch_"): value for name, value in query.arguments.items()}
        statement, keys = query.statement, elements(columns.get("id") or columns.get("keys") or "{}")
        if statement in PAGES:
            return self._page(PAGES[statement], after=columns["after"] or 0)
        if statement in CONFIRM:
            return [self._confirmed(CONFIRM[statement], *row) for row in self._batch(columns)]
        if statement in RECOUNT:
            for kind in (DueKind.ZONE, DueKind.SITE):
                self.versions[kind][1][0] += bool(keys)
            return []
        if statement is CHANGED:
            return [self._space(key) for key in keys if self._is_due(DueKind.SPACE, key)]
        if statement is STEPS:
            return [(*one, START, "x") for one in self.log if one[0] in keys and one[1] > self.published_steps[one[0]]]
        return self._marker(columns.get("number"))

    def _marker(self, number: int | None) -> Rows:
        if number is None:
            return [("gw", self.marker)]
        before, self.marker = self.marker, max(self.marker, number)
        return [(before,)]

    def _batch(self, columns: dict[str, Any]) -> list[tuple[int, ...]]:
        names = ("id", "version", "published_version", "published_transition")
        arrays = [elements(columns[name]) for name in names if name in columns]
        return list(zip(*arrays, strict=True)) if "id" in columns else []

    def _confirmed(self, kind: DueKind, key: int, version: int, expected: int, step: int = 0) -> tuple[int, bool]:
        row = self.versions[kind][key]
        row[1] = version if row[1] == expected else 0
        if kind is DueKind.SPACE:
            self.published_steps[key] = max(self.published_steps[key], step)
        return key, self._is_due(kind, key)

    def _page(self, kind: DueKind, *, after: int) -> Rows:
        keys = [key for key in self.versions.get(kind, {}) if key > after and self._is_due(kind, key)]
        if kind is DueKind.SPACE:
            return [self._space(key) for key in keys]
        occupied = sum(state == "OCCUPIED" for state in self.states.values())
        names = ("central", "level-1") if kind is DueKind.ZONE else ("central",)
        return [(key, *self.versions[kind][key], *names, SPACES, SPACES - occupied, occupied, 0, 0, 0) for key in keys]

    def _space(self, key: int) -> tuple[Any, ...]:
        changeable = (self.states[key], START, None, "occupied", "live")
        version = self.versions[DueKind.SPACE][key]
        return (key, *version, "central", "level-1", f"A-{key}", *changeable, None, None, None, None, "x", START)

    def due(self) -> bool:
        """Whether any row is due."""
        return any(self._is_due(kind, key) for kind, rows in self.versions.items() for key in rows)

    def _is_due(self, kind: DueKind, key: int) -> bool:
        version, published = self.versions[kind][key]
        return version != published


async def live(dice: random.Random, clock: Clock, store: Store, link: FakeLink, *, losses: Sequence[float]) -> None:
    """Cars come and go, and the link is lost after some of so many publications."""
    patience = Patience(
        store,
        backoff=Backoff(shortest=timedelta(seconds=0.1), longest=timedelta(seconds=1)),
        stop=asyncio.Event(),
        report=lambda _purpose, _failure: None,
    )
    outbox = Outbox(
        PublicationConfig(poll_interval=POLL_INTERVAL, counts_interval=COUNTS_INTERVAL),
        database=store,
        patience=patience,
        marker=Marker(root="parking/v1", instance="gw", clock=clock.now),
        report=lambda _kind, _confirmed, _refusals: None,
    )

    async def cars() -> None:
        while clock.seconds < SECONDS:
            await asyncio.sleep(dice.random() * 2)
            key = dice.randint(1, SPACES)
            store.change(key)
            outbox.changed([SpaceId(key)])
        await asyncio.sleep(2 * POLL_INTERVAL.total_seconds())  # a row that was refused last is due until the next scan
        outbox.finish()

    async with asyncio.TaskGroup() as group:
        driving = group.create_task(cars())
        while not driving.done():
            link.lost_after = len(link.taken) + dice.choice(losses) if clock.seconds < SECONDS else math.inf
            try:
                await outbox.run(link)
            except* MqttError:
                pass  # the next link follows at once


def published(link: FakeLink, folder: str) -> list[dict[str, Any]]:
    """The JSON of publications below this topic, in their order."""
    return [json.loads(one.payload) for one in link.taken if one.topic.startswith(f"parking/v1/{folder}/")]


def life_of(seed: int, *, losses: Sequence[float], refused_topics: int = 0) -> tuple[Store, FakeLink]:
    """A life whose faults are the seed's. So many topics in a hundred are refused, each for some seconds."""
    random.seed(seed)  # for the waits between attempts
    dice, clock = random.Random(seed), Clock()

    def is_refused(publication: Publication) -> bool:
        place = f"{publication.topic} {seed} {clock.seconds // REFUSED_SECONDS}"
        return clock.seconds < SECONDS and crc32(place.encode()) % 100 < refused_topics

    store, link = Store(dice, clock), FakeLink(refuses=is_refused)
    simulate(clock, live(dice, clock, store, link, losses=losses))
    return store, link


@pytest.mark.parametrize("seed", range(8))
def test_the_broker_has_every_step_and_the_last_state_whatever_fails(seed: int) -> None:
    store, link = life_of(seed, losses=[3, 30, 300], refused_topics=5)
    assert {one["space"]: one["state"] for one in published(link, "spaces")} == {
        f"A-{key}": state for key, state in store.states.items()
    }
    for key in store.states:
        steps = [one["id"] for one in published(link, "transitions") if one["space"] == f"A-{key}"]
        assert list(dict.fromkeys(steps)) == [number for space, number, *_ in store.log if space == key]
    occupied = sum(state == "OCCUPIED" for state in store.states.values())
    assert [one["occupied"] for one in published(link, "zones")][-1] == occupied
    assert not store.due()


def test_counts_are_published_once_an_interval_however_often_spaces_change() -> None:
    _, link = life_of(0, losses=[math.inf])
    intervals = SECONDS / COUNTS_INTERVAL.total_seconds()
    assert 0.8 * intervals < len(published(link, "zones")) <= intervals + 2
    assert len(published(link, "spaces")) > 3 * intervals


def test_a_seed_repeats_its_faults() -> None:
    """So a failure is found again."""
    (_, first), (_, second) = (life_of(1, losses=[3, 30, 300], refused_topics=5) for _ in range(2))
    assert first.taken == second.taken
