"""The intake loop by itself, between a broker that can hang up and a database that can be cut off at any commit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.link import MqttError
from parking_gateway.broker.message import Message
from parking_gateway.core.committed import Committed
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.loop import Commit, Intake
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import utc
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.patience import Patience, StopRequested
from parking_gateway.store.pool import Pool, opened
from parking_gateway.store.query import Query
from tests.events import OCCUPIED, VACANT, message, up
from tests.links import FakeLink
from tests.plugins.car_park import CarPark

SPACES = 5


class CutOff:
    """A connection whose `cut` commits have an answer that is lost: before the commit, or after it."""

    def __init__(self, connection: Connection, cuts: list[str]) -> None:
        self._connection = connection
        self._cuts = cuts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        """Commit, unless the connection is cut before it."""
        cut = self._cuts.pop(0) if self._cuts else ""
        if cut == "before":
            raise ConnectionResetError(cut)
        answers = await self._connection.commit_together(*queries)
        if cut == "after":
            raise ConnectionResetError(cut)
        return answers


class CutDatabase:
    """A pool, and for each of its next commits whether the connection is cut `before` it, `after` it, or not at all."""

    def __init__(self, pool: Pool, cuts: Sequence[str] = ()) -> None:
        self._pool = pool
        self.cuts = list(cuts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection that can be cut off."""
        async with self._pool.connect() as connection:
            yield CutOff(connection, self.cuts)


class Life:
    """The intake of one process, and what it reported."""

    def __init__(
        self,
        database: Database,
        elsewhere: Sequence[tuple[str, Commit]] = (),
        taken: Callable[[Sequence[Message]], None] = lambda _batch: None,
        batch_size: int = 150,
    ) -> None:
        self.commits: list[Committed] = []
        wait = Backoff(shortest=timedelta(seconds=0.01), longest=timedelta(seconds=0.05))
        self._intake = Intake(
            database=database,
            decoder=Decoder(),
            limits=chirpstack.Limits(payload_bytes=65_536, depth=32),
            batch_size=batch_size,
            timeout=timedelta(seconds=30),
            patience=Patience(database, backoff=wait, stop=asyncio.Event(), report=lambda _purpose, _failure: None),
            announce_every=timedelta(hours=1),
            clock=utc,
            taken=taken,
            settled=lambda: None,
            report=self.commits.append,
            elsewhere=elsewhere,
        )

    async def run(self, link: FakeLink) -> None:
        """Work until the link ends."""
        await self._intake.run(link)  # type: ignore[arg-type] # the part of a link that the intake uses


class Watching(FakeLink):
    """A link that fails at an acknowledgement before the commit, and notes the order of all."""

    def __init__(self, session: list[Message], life: Life, **faults: Any) -> None:
        super().__init__(session=session, **faults)
        self.life = life
        self.acknowledged: list[int] = []

    def acknowledge(self, batch: Sequence[Message]) -> None:
        """As the broker, which forgets these messages."""
        committed = sum(commit.received.total() for commit in self.life.commits)
        assert len(self.acknowledged) + len(batch) <= committed, "acknowledged before the commit"
        self.acknowledged += [one.mid for one in batch]
        super().acknowledge(batch)


def backlog(devices: Sequence[str], uplinks: int = 600) -> list[Message]:
    """Cars that come and go, a minute each, in turn on all spaces."""
    found = []
    for number in range(uplinks):
        device = devices[number % len(devices)]
        status = [OCCUPIED, VACANT][number // len(devices) % 2]
        one = message(device, up(device, status, at=number, f_cnt=number + 1))
        found.append(Message(one.topic, one.payload, number, 1, is_redelivered=False))
    return found


async def recorded(engine: AsyncEngine) -> tuple[int, list[tuple[str, int]]]:
    """How many uplinks are recorded, and how often each state was entered."""
    async with engine.connect() as connection:
        uplinks = await connection.scalar(sa.text("select count(*) from uplink"))
        steps = await connection.execute(sa.text('select "to", count(*) from transition group by 1 order by 1'))
        return uplinks or 0, [(to, count) for to, count in steps]


@pytest.mark.parametrize(
    "cuts", [[], ["before"], ["after"], ["after", "", "before", "after"], ["before"] * 3 + ["after"] * 3]
)
async def test_whatever_commit_is_cut_off_every_uplink_is_recorded_once(
    engine: AsyncEngine, database: str, car_park: CarPark, cuts: list[str]
) -> None:
    """And acknowledged once, after its commit, in the order in which it came; no step of a space is doubled or left out."""
    messages = backlog(await car_park(SPACES))
    async with opened(database, DatabaseConfig()) as pool:
        cut = CutDatabase(pool, cuts)
        life = Life(cut)
        link = Watching(messages, life)
        await life.run(link)
    assert cut.cuts == [], "not every fault happened"
    assert link.session == []
    assert link.acknowledged == list(range(600))
    assert await recorded(engine) == (600, [("FREE", 300), ("OCCUPIED", 300)])


@pytest.mark.parametrize("lost_after", [0, 149, 150, 299, 450])
async def test_messages_of_a_lost_link_come_again_and_are_recorded_once(
    engine: AsyncEngine, database: str, car_park: CarPark, lost_after: int
) -> None:
    messages = backlog(await car_park(SPACES))
    async with opened(database, DatabaseConfig()) as pool:
        life = Life(pool)
        lost = Watching(messages, life, lost_after=lost_after)
        with pytest.raises(ExceptionGroup) as failure:
            await life.run(lost)
        assert failure.group_contains(MqttError)
        assert len(lost.session) == 600 - len(lost.acknowledged)
        again = Life(pool)
        await again.run(Watching(lost.session, again))
    assert await recorded(engine) == (600, [("FREE", 300), ("OCCUPIED", 300)])


async def test_a_heavy_batch_is_alone_in_memory(engine: AsyncEngine, database: str, car_park: CarPark) -> None:
    messages = backlog(await car_park(SPACES))
    messages[150:300] = [
        Message(one.topic, bytes(30_000), one.mid, 1, is_redelivered=False) for one in messages[150:300]
    ]
    unacknowledged: list[int] = []
    link = FakeLink(session=messages)
    async with opened(database, DatabaseConfig()) as pool:
        await Life(pool, taken=lambda _batch: unacknowledged.append(len(link.session))).run(link)
    assert unacknowledged[:3] == [600, 450, 300]
    assert (await recorded(engine))[0] == 450


@pytest.mark.parametrize(("batch_size", "left"), [(30, [300, 270, 240]), (150, [300, 300])])
async def test_a_small_batch_is_committed_before_the_next_is_taken(
    database: str, car_park: CarPark, batch_size: int, left: list[int]
) -> None:
    """Else the messages of the next one would wait for two transactions. Two large ones are taken at a time."""
    unacknowledged: list[int] = []
    link = FakeLink(session=backlog(await car_park(SPACES), uplinks=300))
    async with opened(database, DatabaseConfig()) as pool:
        life = Life(pool, taken=lambda _batch: unacknowledged.append(len(link.session)), batch_size=batch_size)
        await life.run(link)
    assert unacknowledged[: len(left)] == left


async def test_messages_of_another_route_are_committed_there_and_acknowledged_by_themselves(
    engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    asked: list[Message] = []

    async def commit(messages: Sequence[Message]) -> None:
        asked.extend(messages)

    messages = backlog(await car_park(SPACES), 20)
    requests = [Message("parking/v1/request/space/get", b"{}", 20 + n, 1, is_redelivered=False) for n in range(3)]
    async with opened(database, DatabaseConfig()) as pool:
        life = Life(pool, elsewhere=[("parking/v1/request/#", commit)])
        link = FakeLink(session=[*requests[:1], *messages, *requests[1:]])
        await life.run(link)
        await life.run(alone := FakeLink(session=list(requests)))
    assert link.session == alone.session == []
    assert asked == [*requests, *requests]
    assert await recorded(engine) == (20, [("FREE", 10), ("OCCUPIED", 10)])


async def test_no_event_waits_for_a_request(engine: AsyncEngine, database: str, car_park: CarPark) -> None:
    """The request is answered after all events of three batches are acknowledged."""
    may_end = asyncio.Event()

    class Waiting(FakeLink):
        def acknowledge(self, batch: Sequence[Message]) -> None:
            super().acknowledge(batch)
            if self.session == [request]:
                may_end.set()

    async def commit(_: Sequence[Message]) -> None:
        await may_end.wait()

    request = Message("parking/v1/request/space/get", b"{}", 999, 1, is_redelivered=False)
    async with opened(database, DatabaseConfig()) as pool:
        link = Waiting(session=[request, *backlog(await car_park(SPACES), 400)])
        async with asyncio.timeout(20):
            await Life(pool, elsewhere=[("parking/v1/request/#", commit)]).run(link)
    assert link.session == []


async def test_a_request_that_a_stop_interrupts_is_not_acknowledged(database: str) -> None:
    async def commit(_: Sequence[Message]) -> None:
        raise StopRequested

    request = Message("parking/v1/request/space/get", b"{}", 999, 1, is_redelivered=False)
    async with opened(database, DatabaseConfig()) as pool:
        link = FakeLink(session=[request])
        await Life(pool, elsewhere=[("parking/v1/request/#", commit)]).run(link)
    assert link.session == [request]
