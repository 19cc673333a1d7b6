"""The loop of the outbox by itself: a link without a broker, and a real PostgreSQL."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from typing_extensions import override

from parking_gateway.broker.link import MqttError
from parking_gateway.broker.reasons import Refusal
from parking_gateway.core.due import Due, DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.loop import Outbox
from parking_gateway.outbox.marker import Marker
from parking_gateway.process import wall_clock
from parking_gateway.process.config.sections import PublicationConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store import due, gateways
from parking_gateway.store.due_rows import STEPS_AT_ONCE
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from tests.links import FakeLink
from tests.plugins.car_park import CarPark

SPACES = ["parking/v1/spaces/central/level-1/A-1", "parking/v1/spaces/central/level-1/A-2"]
DEVICES = ["parking/v1/devices/a840410000000001", "parking/v1/devices/a840410000000002"]
COUNTS = {"parking/v1/zones/central/level-1", "parking/v1/sites/central"}
STEPS = "parking/v1/transitions/central/level-1/A-1"
MARKER = "parking/v1/gateways/gw/marker"
SOON, NEVER = timedelta(milliseconds=10), timedelta(days=1)
PATIENCE = 10

ARRIVAL = "update space set state = 'OCCUPIED', occupancy = 'occupied', version = version + 1 where name = 'A-1'"
DEPARTURE = "update space set state = 'FREE', occupancy = 'vacant', version = version + 1 where name = 'A-1'"
LOG = """
insert into transition (space, "from", "to", at, cause)
select space.id, step.before, step.after, now(), 'x'
from space, generate_series(1, {0}) n,
    lateral (values (1, 'FREE', 'OCCUPIED'), (0, 'OCCUPIED', 'FREE')) step (odd, before, after)
where space.name = 'A-1' and n % 2 = step.odd
order by n
"""
STEP = LOG.format(1)


class ProcessEnds(Exception):  # noqa: N818 - no failure: what it stands for ends everything
    """Nothing is done after this, as after a power cut."""


class Store(Pool):
    """A database whose next connection can fail."""

    fails_once = False

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        if self.fails_once:
            self.fails_once = False
            raise ConnectionRefusedError
        async with super().connect() as connection:
            yield connection

    async def ask(self, *queries: Any) -> Any:
        """The answer of the last query."""
        async with self.connect() as connection:
            *_, answer = await connection.commit_together(*queries)
        return answer

    async def execute(self, *statements: str) -> None:
        """Do what another process does."""
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(sa.text(statement))

    async def space(self, name: str = "A-1") -> SpaceId:
        """The id of a space."""
        async with self.engine.connect() as connection:
            found = await connection.execute(sa.text("select id from space where name = :name"), {"name": name})
            return SpaceId(found.scalar_one())

    async def rows(self, name: str = "A-1") -> list[Due]:
        """The row of a due space with its steps, as the commit that changed it reads it."""
        async with self.connect() as connection:
            return due.with_steps(*await connection.commit_together(*due.changed_with_steps([await self.space(name)])))

    async def due(self) -> int:
        """How many rows are due."""
        number: int = await self.ask(due.count())
        return number


@pytest.fixture
async def store(pool: Pool, car_park: CarPark) -> Store:
    """Two spaces that are due, and a gateway that has published before."""
    await car_park(2)
    store = Store(pool.engine)
    await store.ask(*gateways.begin_again("gw", 1))
    return store


class OutboxRun:
    """An outbox as after the start of a process, and the link over which it publishes."""

    def __init__(self, store: Store, link: FakeLink | None = None, **publication: timedelta) -> None:
        self.store = store
        self.link = link or FakeLink()
        self.has_scanned = asyncio.Event()
        self.work: Counter[str] = Counter()
        """How often each was done in the database."""
        patience = Patience(
            store,
            backoff=Backoff(shortest=SOON, longest=SOON),
            stop=asyncio.Event(),
            report=lambda what, _failure: self.work.update([what]),
        )
        self.outbox = Outbox(
            PublicationConfig(**{"poll_interval": NEVER, "counts_interval": SOON, **publication}),
            database=store,
            patience=patience,
            marker=Marker(root="parking/v1", instance="gw", clock=wall_clock.utc),
            known=KnownServer(None),
            report=self._report,
        )

    async def run(self) -> None:
        """Publish until somebody calls `finish`."""
        async with asyncio.timeout(PATIENCE):
            await self.outbox.run(self.link)

    async def finish(self) -> None:
        """Publish what is due."""
        self.outbox.finish()
        await self.run()

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """Publish beside the test, which goes on after the first scan and waits for the end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run())
            await self.has_scanned.wait()
            yield

    async def change(self, *statements: str) -> None:
        """Change the first space, and pass it to the outbox as the intake does."""
        await self.store.execute(*statements)
        self.outbox.changed([await self.store.space()])

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so."""
        while not is_so():  # noqa: ASYNC110 - the link and the database have no event for it
            await asyncio.sleep(0.001)

    def _report(self, kind: str, _confirmed: int, _refusals: Sequence[Refusal]) -> None:
        if kind is DueKind.DEVICE:
            self.has_scanned.set()

    @property
    def topics(self) -> list[str]:
        """Of what the broker has taken, without markers and counts: how many of these there are depends on the pace."""
        return [one.topic for one in self.link.taken if one.topic != MARKER and one.topic not in COUNTS]

    @property
    def versions(self) -> list[int]:
        """In which the first space was published."""
        return [json.loads(one.payload)["version"] for one in self.link.taken if one.topic == SPACES[0]]


async def publish_all(store: Store) -> None:
    """Have nothing due any more."""
    await OutboxRun(store).finish()
    assert await store.due() == 0


# What is due


async def test_a_due_row_is_published_once_and_confirmed(store: Store) -> None:
    running = OutboxRun(store)
    await running.finish()
    assert running.topics == [*SPACES, *DEVICES]
    assert {one.topic for one in running.link.taken} >= COUNTS
    assert await store.due() == 0


async def test_where_nothing_is_due_not_even_a_marker_is_published(store: Store) -> None:
    await publish_all(store)
    running = OutboxRun(store)
    await running.finish()
    assert running.link.taken == []


async def test_a_marker_follows_every_page_and_is_confirmed_with_it(store: Store) -> None:
    running = OutboxRun(store)
    await running.finish()
    sent = [one.topic for one in running.link.taken]
    assert sent[sent.index(SPACES[1]) + 1] == sent[sent.index(DEVICES[1]) + 1] == sent[-1] == MARKER
    numbers = [json.loads(one.payload)["number"] for one in running.link.taken if one.topic == MARKER]
    assert await store.ask(gateways.markers()) == {"gw": max(numbers)}


async def test_the_steps_of_a_space_come_before_its_state(store: Store) -> None:
    await publish_all(store)
    await store.execute(ARRIVAL, STEP)
    running = OutboxRun(store)
    await running.finish()
    assert running.topics == [STEPS, SPACES[0]]


async def test_a_long_log_is_published_in_order_and_once(store: Store) -> None:
    """The state stays due until the last step is published."""
    await publish_all(store)
    steps = STEPS_AT_ONCE + 1
    await store.execute(LOG.format(steps), ARRIVAL)

    async def finish_after_the_log() -> None:
        if running.topics.count(STEPS) == steps:
            running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=finish_after_the_log))
    await running.run()
    assert running.topics == [*[STEPS] * STEPS_AT_ONCE, SPACES[0], STEPS, SPACES[0]]
    numbers = [json.loads(one.payload)["id"] for one in running.link.taken if one.topic == STEPS]
    assert numbers == sorted(set(numbers))
    assert await store.due() == 0


# Refusals


async def test_a_refused_marker_is_not_confirmed(store: Store) -> None:
    """Else the broker would seem to have gone back at the next connection."""
    await OutboxRun(store, FakeLink(refuses=lambda one: one.topic == MARKER)).finish()
    assert await store.due() == 0
    assert await store.ask(gateways.markers()) == {"gw": 1}


async def test_a_refused_row_stays_due_and_the_others_are_confirmed(store: Store) -> None:
    running = OutboxRun(store, FakeLink(refuses=lambda one: one.topic == SPACES[0]))
    await running.finish()
    assert running.topics == [SPACES[1], *DEVICES]
    assert await store.due() == 1


async def test_a_space_whose_step_is_refused_stays_due_with_it(store: Store) -> None:
    await store.execute(ARRIVAL, STEP)
    await OutboxRun(store, FakeLink(refuses=lambda one: one.topic == STEPS)).finish()
    assert await store.due() == 1
    running = OutboxRun(store)
    await running.finish()
    assert running.topics == [STEPS, SPACES[0]]


async def test_a_refused_row_is_tried_again_after_the_poll_interval(store: Store) -> None:
    is_refused = iter([True])

    async def finish_once_taken() -> None:
        if running.versions:
            running.outbox.finish()

    link = FakeLink(refuses=lambda one: one.topic == SPACES[0] and next(is_refused, False), meanwhile=finish_once_taken)
    running = OutboxRun(store, link, poll_interval=SOON)
    await running.run()
    assert running.topics == [SPACES[1], *DEVICES, SPACES[0]]
    assert await store.due() == 0


# Lost links, and what else ends


@pytest.mark.parametrize("taken", range(3))
async def test_a_page_on_which_the_link_is_lost_stays_due(store: Store, taken: int) -> None:
    """However much of it the broker has taken."""
    with pytest.RaisesGroup(MqttError):
        await OutboxRun(store, FakeLink(lost_after=taken)).run()
    running = OutboxRun(store)
    await running.finish()
    assert running.topics == [*SPACES, *DEVICES]
    assert await store.due() == 0


async def test_the_same_outbox_goes_on_over_the_next_link(store: Store) -> None:
    running = OutboxRun(store, FakeLink(lost_after=1))
    with pytest.RaisesGroup(MqttError):
        await running.run()
    running.link = FakeLink()
    await running.finish()
    assert running.topics == [*SPACES, *DEVICES]
    assert await store.due() == 0


async def test_a_page_that_is_not_confirmed_when_the_process_ends_is_published_again(store: Store) -> None:
    """Its publications are retained, and its steps have ids: a repetition does no harm."""

    async def end() -> None:
        raise ProcessEnds

    ended = OutboxRun(store, FakeLink(meanwhile=end))
    with pytest.RaisesGroup(ProcessEnds):
        await ended.run()
    assert ended.topics == SPACES
    running = OutboxRun(store)
    await running.finish()
    assert running.topics == [*SPACES, *DEVICES]


async def test_a_page_whose_confirmation_failed_at_first_is_published_again(store: Store) -> None:
    """The database that answers later may have lost the last change of its rows."""
    await publish_all(store)

    async def fail_then_finish() -> None:
        if len(running.versions) == 1:
            store.fails_once = True
        else:
            running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=fail_then_finish))
    async with running.resting():
        await running.change(ARRIVAL)
    assert running.versions == [2, 2]
    assert await store.due() == 0


async def test_a_space_whose_published_change_the_database_lost_is_published_again(store: Store) -> None:
    """So a failover leaves it when the link is lost at the same time: nothing in the row shows that it is due."""
    await publish_all(store)
    await store.execute(ARRIVAL)
    running = OutboxRun(store, FakeLink(lost_after=1))
    with pytest.RaisesGroup(MqttError):
        await running.run()
    assert running.versions == [2]
    await store.execute("update space set state = 'FREE', occupancy = null, version = 1 where name = 'A-1'")
    running.link = FakeLink()
    await running.finish()
    assert running.versions == [1]


async def test_everything_is_published_again_where_the_database_went_back(store: Store) -> None:
    """It holds an older marker than the one that this process has written."""
    older = iter(["update gateway set confirmed = 1"])

    async def go_back_then_finish() -> None:
        if running.versions == [1, 2]:
            await store.execute(*older)
        elif running.topics.count(DEVICES[1]) > 1:
            running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=go_back_then_finish), counts_interval=NEVER)
    async with running.resting():
        await running.change(ARRIVAL)
    assert running.topics[:5] == [*SPACES, *DEVICES, SPACES[0]]
    assert set(running.topics[5:]) == {*SPACES, *DEVICES}
    assert await store.due() == 0


# Changes


async def test_a_change_that_comes_while_its_space_is_published_is_published_too(store: Store) -> None:
    """The confirmation is of the version that was read."""
    changes = [ARRIVAL]  # once, because counts are published beside the spaces

    async def change_then_finish() -> None:
        if changes and running.versions == [1] and len(running.topics) == len(SPACES):
            await store.execute(changes.pop())
        elif len(running.versions) > 1:
            running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=change_then_finish))
    await running.run()
    assert running.versions == [1, 2]
    assert await store.due() == 0


async def test_a_row_that_another_gateway_confirmed_meanwhile_is_published_again(store: Store) -> None:
    """Its message may have come after ours and be older."""
    # Once, because counts are published beside the spaces.
    confirmations = ["update space set published_version = version where name = 'A-1'"]

    async def confirm_then_finish() -> None:
        if confirmations and running.topics == SPACES:
            await store.execute(confirmations.pop())
        elif len(running.versions) > 1:
            running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=confirm_then_finish))
    await running.run()
    assert running.versions == [1, 1]
    assert await store.due() == 0


async def test_a_space_that_is_passed_to_the_outbox_is_published_without_a_scan(store: Store) -> None:
    await publish_all(store)

    async def finish() -> None:
        running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=finish))
    async with running.resting():
        await running.change("update device set version = version + 1", ARRIVAL)
    assert running.topics == [SPACES[0]]
    assert await store.due() == len(DEVICES)


async def test_a_row_that_its_commit_has_read_is_published_without_another_read(store: Store) -> None:
    await publish_all(store)
    running = OutboxRun(store, counts_interval=NEVER)
    async with running.resting():
        # Each kind of rows: zones and sites are read beside the scan.
        await running.until(lambda: running.work["reading due rows"] == len(DueKind))
        await store.execute(ARRIVAL, STEP)
        running.outbox.changed([await store.space()], await store.rows())
        await running.until(lambda: running.versions == [2])
        assert running.work["reading due rows"] == len(DueKind)
        running.outbox.finish()
    assert running.topics == [STEPS, SPACES[0]]
    assert await store.due() == 0


async def test_a_row_that_was_read_before_its_space_was_confirmed_is_published_once(store: Store) -> None:
    """Confirmed against what it has, it would look as if another gateway had published the space meanwhile."""
    await publish_all(store)
    running = OutboxRun(store)
    async with running.resting():
        await store.execute(ARRIVAL)
        earlier = await store.rows()
        running.outbox.changed([await store.space()], earlier)
        await running.until(lambda: running.work["confirming publications"] == 1)
        await store.execute(DEPARTURE)
        later = [msgspec.structs.replace(row, published_version=1) for row in await store.rows()]
        assert [(row.version, row.published_version) for row in (*earlier, *later)] == [(2, 1), (3, 1)]
        running.outbox.changed([await store.space()], later)
        await running.until(lambda: running.work["confirming publications"] > 1)
        running.outbox.finish()
    assert running.versions == [2, 3]
    assert await store.due() == 0


async def test_an_older_row_never_follows_a_newer_one(store: Store) -> None:
    """Two commits of a space over two connections: the answer to the later one can come first."""
    await publish_all(store)
    older: list[Due] = []
    passed = 0

    async def pass_the_older_one() -> None:
        nonlocal passed
        if not passed:
            running.outbox.changed([await store.space()], older)
        passed += 1

    running = OutboxRun(store, FakeLink(meanwhile=pass_the_older_one))
    async with running.resting():
        await store.execute(ARRIVAL)
        older += await store.rows()
        await running.change(DEPARTURE)
        await running.until(lambda: running.versions == [3])
        running.outbox.changed([await store.space()], older)
        running.outbox.finish()
    assert passed
    assert running.versions == [3]
    assert await store.due() == 0


async def test_what_is_published_during_a_confirmation_is_confirmed_together_behind_it(store: Store) -> None:
    await publish_all(store)
    running = OutboxRun(store)
    async with running.resting():
        await store.execute(ARRIVAL)
        async with store.engine.connect() as holding:
            rows = await store.rows()
            await holding.execute(sa.text("select from space where name = 'A-1' for update"))
            running.outbox.changed([await store.space()], rows)
            await running.until(lambda: running.versions == [2])
            for version in (2, 3):
                await store.execute("update space set version = version + 1 where name = 'A-2'")
                running.outbox.changed([await store.space("A-2")], await store.rows("A-2"))
                await running.until(lambda number=version: running.topics.count(SPACES[1]) == number - 1)  # type: ignore[misc]
            assert not running.work["confirming publications"]
            await holding.rollback()
        await running.until(lambda: running.work["confirming publications"] > 1)
        running.outbox.finish()
    assert running.topics == [SPACES[0], SPACES[1], SPACES[1]]
    assert await store.due() == 0


async def test_a_change_of_another_process_is_published_after_the_poll_interval(store: Store) -> None:
    await publish_all(store)

    async def finish() -> None:
        running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=finish), poll_interval=SOON)
    async with running.resting():
        await store.execute(ARRIVAL)
    assert running.topics == [SPACES[0]]
    assert await store.due() == 0


async def test_a_change_right_before_the_end_is_published(store: Store) -> None:
    await publish_all(store)
    running = OutboxRun(store)
    async with running.resting():
        await running.change(ARRIVAL)
        running.outbox.finish()
    assert running.versions == [2]
    assert await store.due() == 0


async def test_counts_are_published_once_an_interval_and_at_the_end(store: Store) -> None:
    """However often their spaces change."""
    changes = 0

    async def change_then_finish() -> None:
        nonlocal changes
        if running.topics[-1] == SPACES[0] and zones(running.link):
            changes += 1
        if changes == 5:
            running.outbox.finish()
        elif running.link.taken[-2].topic not in COUNTS:
            await running.change(ARRIVAL if len(running.versions) % 2 else DEPARTURE)

    def zones(link: FakeLink) -> list[int]:
        return [
            json.loads(one.payload)["occupied"] for one in link.taken if one.topic in COUNTS and "zones" in one.topic
        ]

    running = OutboxRun(store, FakeLink(meanwhile=change_then_finish), counts_interval=NEVER)
    await running.run()
    assert len(zones(running.link)) == 2
    assert len(running.versions) >= 5
    assert await store.due() == 0


async def test_counts_of_counters_are_published_without_a_change_of_a_space(store: Store) -> None:
    await publish_all(store)

    async def finish() -> None:
        running.outbox.finish()

    running = OutboxRun(store, FakeLink(meanwhile=finish))
    async with running.resting():
        await store.execute(
            "update zone set capacity = 9, count = 4, version = version + 1", "update site set version = version + 1"
        )
        running.outbox.recounted()
    counts = {one.topic: json.loads(one.payload)["free"] for one in running.link.taken if one.topic in COUNTS}
    assert counts == dict.fromkeys(COUNTS, 5)
    assert await store.due() == 0
