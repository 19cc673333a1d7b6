"""The journal by itself, and its law: however the database fails and the process dies, rows and states end as without that."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message, Whole
from parking_gateway.contract.publication import MessageProperties
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.drain import Drain
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.journal_entries import entry_of
from parking_gateway.intake.loop import Intake
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import utc
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.journal_file import NAME, JournalFile, JournalUnusable
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import opened
from tests.events import OCCUPIED, VACANT, message, topic_of, up
from tests.links import FakeLink
from tests.plugins.car_park import CarPark
from tests.whole_gateway import value

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LARGE = 10_000_000
MESSAGES = 70


class Complaints(dict[str, str | None]):
    """What the journal complains of."""

    def __call__(self, about: str, sentence: str | None) -> None:
        """Take a complaint, or its end."""
        self[about] = sentence


@asynccontextmanager
async def journal_in(
    folder: Path, *, max_bytes: int = LARGE, complain: Callable[[str, str | None], None] = lambda _about, _why: None
) -> AsyncIterator[Journal]:
    """The journal of one process."""
    file = JournalFile(folder, now=NOW)
    journal = Journal(file, after=timedelta(seconds=0.05), max_bytes=max_bytes, clock=utc, complain=complain)
    try:
        yield journal
    finally:
        await asyncio.to_thread(journal.close)


def uplinks(count: int, *, qos: int = 1, devices: int = 2) -> list[Message]:
    """Uplinks of these devices in turn."""
    found = []
    for number in range(count):
        dev_eui = f"a8404100{number % devices:08x}"
        found.append(Message(topic_of(dev_eui), up(dev_eui, f_cnt=number), number, qos, is_redelivered=False))
    return found


async def payloads(journal: Journal) -> list[bytes]:
    return [one.payload for _, one in await journal.head(10_000)]


async def test_a_message_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """With its time of receipt, its properties, and the length of a whole that was cut."""
    properties = MessageProperties(response_topic="reply", correlation_data=b"\0", user=(("a", "b"), ("a", "c")))
    sent = [
        Message("application/x/device/\udce4/event/up", b"\0\xff", 7, 0, is_redelivered=True),
        Message("parking/v1/request/space/get", b"{}", 8, 1, is_redelivered=False, properties=properties),
        Message("application/x", b"begin", 9, 1, is_redelivered=False, whole=Whole(10**9, UUID(int=5))),
    ]
    async with journal_in(tmp_path) as journal:
        assert await journal.keep(sent, NOW)
    async with journal_in(tmp_path) as journal:
        found = [one for _, one in await journal.head(10)]
        assert journal.depth().rows == 3
        assert journal.depth().oldest == NOW
    for before, after in zip(sent, found, strict=True):
        assert after.received_at == NOW
        for field in ("topic", "payload", "qos", "is_redelivered", "whole", "properties"):
            assert getattr(after, field) == getattr(before, field)


async def test_messages_that_the_database_may_have_count_as_delivered_again(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        assert await journal.keep(uplinks(1), NOW, was_tried=True)
        ((_, kept),) = await journal.head(10)
        assert kept.is_redelivered


async def test_it_is_in_use_until_it_was_found_empty(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        uses = [journal.is_used]
        journal.drained()
        uses.append(journal.is_used)
        keeping = asyncio.create_task(journal.keep(uplinks(2), NOW))
        await asyncio.sleep(0)
        uses.append(journal.is_used)
        assert await keeping
        for number, _ in await journal.head(10):
            uses.append(journal.is_used)
            await journal.remove(number)
        uses.append(journal.is_used)
        assert uses == [True, False, True, True, True, False]
        assert journal.depth().bytes == 0


async def test_nobody_else_may_read_it_and_no_other_process_may_use_it(tmp_path: Path) -> None:
    async with journal_in(tmp_path / "of its own") as journal:
        assert await journal.keep(uplinks(1), NOW)
        for file in (tmp_path / "of its own").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with pytest.raises(JournalUnusable, match="another process uses it"):
            JournalFile(tmp_path / "of its own", now=NOW)


def test_a_folder_that_cannot_be_written_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnusable, match="file"):
        JournalFile(tmp_path / "file", now=NOW)


async def test_a_full_journal_keeps_nothing_until_there_is_room(tmp_path: Path) -> None:
    complaints = Complaints()
    sent = uplinks(10)
    async with journal_in(tmp_path, max_bytes=9_000, complain=complaints) as journal:
        kept = [await journal.keep([one], NOW) for one in sent]
        assert 0 < kept.count(True) < 10
        assert kept == sorted(kept, reverse=True)
        assert "The journal is full, so events are not acknowledged" in (complaints["journal"] or "")
        assert journal.depth().dropped == 0
        ((first, _),) = await journal.head(1)
        await journal.remove(first)
        assert await journal.keep(uplinks(1), NOW)
        assert complaints["journal"] is None


async def test_a_full_journal_drops_older_uplinks_of_qos_0_and_nothing_else(tmp_path: Path) -> None:
    """The newest of each device stays, and so does everything of QoS 1 and every other event."""
    certain = uplinks(2)
    join = Message(topic_of("a8404100", "join"), bytes(900), 0, 0, is_redelivered=False)
    heartbeats = uplinks(40, qos=0, devices=3)
    async with journal_in(tmp_path, max_bytes=16_000) as journal:
        assert await journal.keep([*certain, join, join], NOW)
        for one in heartbeats:
            assert await journal.keep([one], NOW)
        left = await payloads(journal)
        assert left[:4] == [*(one.payload for one in certain), join.payload, join.payload]
        assert left[4:] == [one.payload for one in heartbeats[-len(left[4:]) :]]
        assert journal.depth().dropped == 40 - len(left[4:]) > 0
        assert journal.depth().bytes <= 16_000


def torn(path: Path) -> None:
    """As a power cut in the middle of the last write leaves it."""
    log = path.with_name(NAME + "-wal")
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 1_000)


async def test_a_torn_last_write_takes_nothing_else_with_it(tmp_path: Path) -> None:
    """The write was not acknowledged, because a torn write was not synced."""
    sent = uplinks(3)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    async with journal_in(tmp_path) as journal:
        for one in sent:
            assert await journal.keep([one], NOW)
        for file in (NAME, NAME + "-wal"):
            (crashed / file).write_bytes((tmp_path / file).read_bytes())
    torn(crashed / NAME)
    async with journal_in(crashed) as journal:
        assert await payloads(journal) == [one.payload for one in sent[:2]]
        assert await journal.keep(sent[2:], NOW)
        assert await payloads(journal) == [one.payload for one in sent]


def overwritten(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1_000)


def scratched(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(os.urandom(3 * 4_096))


@pytest.mark.parametrize("damage", [overwritten, scratched])
async def test_a_damaged_file_is_set_aside_and_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    complaints = Complaints()
    async with journal_in(tmp_path) as journal:
        assert await journal.keep(uplinks(50), NOW)
    damage(tmp_path / NAME)
    broken = (tmp_path / NAME).read_bytes()
    async with journal_in(tmp_path, complain=complaints) as journal:
        await asyncio.sleep(0)
        (aside,) = tmp_path.glob(f"{NAME}.damaged-*")  # noqa: ASYNC240 - a short list
        assert aside.read_bytes() == broken
        assert str(aside) in (complaints["journal_damaged"] or "")
        assert journal.depth().rows == 0
        assert await journal.keep(uplinks(1), NOW)
        assert len(await payloads(journal)) == 1


@pytest.mark.parametrize("is_damaged", [True, False])
def test_what_came_since_is_not_deleted_with_what_was_read_before(tmp_path: Path, *, is_damaged: bool) -> None:
    """Neither from the new file behind a damaged one, nor if the deletion is tried again after the file was emptied."""
    first, second, third = (entry_of(one, NOW, was_tried=False) for one in uplinks(3))
    file = JournalFile(tmp_path, now=NOW)
    file.append([first, second])
    (*_, (last, _)) = file.head(10, limit_bytes=LARGE)
    if is_damaged:
        file.begin_anew(NOW)
    else:
        file.remove(last)
    file.append([third])
    file.remove(last)
    assert [one.payload for _, one in file.head(10, limit_bytes=LARGE)] == [third.payload]
    file.close()


class Weather:
    """A database that is away while `is_away`, and one whose answers are lost while `is_mute`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_away = self.is_mute = False
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection, unless it is away."""
        if self.is_away:
            self.refused += 1
            raise ConnectionRefusedError
        async with self._database.connect() as connection:
            yield connection
            if self.is_mute:
                self.refused += 1
                raise ConnectionResetError


@asynccontextmanager
async def process(weather: Weather, folder: Path) -> AsyncIterator[tuple[Intake, Journal]]:
    """The intake, the journal and the drain of one process. Its end is a kill: nothing is finished."""
    wait = Backoff(shortest=timedelta(seconds=0.005), longest=timedelta(seconds=0.01))
    async with journal_in(folder) as journal:
        intake = Intake(
            database=weather,
            decoder=Decoder(),
            limits=chirpstack.Limits(payload_bytes=65_536, depth=32),
            batch_size=7,
            timeout=timedelta(seconds=30),
            patience=Patience(
                weather,
                backoff=wait,
                stop=asyncio.Event(),
                report=lambda _purpose, _failure: None,
            ),
            announce_every=timedelta(hours=1),
            clock=utc,
            taken=lambda _batch: None,
            settled=lambda: None,
            report=lambda _committed: None,
            journal=journal,
        )
        alone = Drain(journal=journal, intake=_without_journal(intake))
        draining = asyncio.create_task(alone.run())
        try:
            yield intake, journal
        finally:
            draining.cancel()
            await asyncio.wait({draining})


def _without_journal(intake: Intake) -> Intake:
    return msgspec.structs.replace(intake, journal=None)


def backlog(devices: Sequence[str], count: int) -> list[Message]:
    """Cars that come and go, in turn on all spaces, and now and then something that no one can read."""
    found = []
    for number in range(count):
        device = devices[number % len(devices)]
        status = [OCCUPIED, VACANT][number // len(devices) % 2]
        one = message(device, up(device, status, at=number, f_cnt=number + 1))
        payload = b"poison %d" % number if number % 11 == 5 else one.payload
        found.append(Message(one.topic, payload, number, 1, is_redelivered=False))
    return found


async def picture(engine: AsyncEngine) -> list[Any]:
    """Everything that is recorded, but the ids that the database gives and the times of our clock."""
    async with engine.connect() as connection:
        return [
            [tuple(row) for row in await connection.execute(sa.text(query))]
            for query in (
                "select dev_eui, f_cnt, heard_at from uplink order by 1, 2",
                'select name, "from", "to", at from transition join space on space.id = space order by 1, 4, transition.id',
                "select name, state, since, occupancy, seen_at, seen_f_cnt from space order by name",
                "select distinct topic, payload from rejection order by 1, 2",
            )
        ]


async def clear(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("truncate site, device, uplink, transition, rejection restart identity cascade")
        )


class Killed(Exception):  # noqa: N818 - what happened
    """The process died."""


class Stormy(FakeLink):
    """A link with weather: before each of its batches comes the next step of a plan."""

    def __init__(self, session: list[Message], weather: Weather, journal: Journal, plan: list[str]) -> None:
        super().__init__(session=session)
        self._weather = weather
        self._journal = journal
        self._plan = plan

    async def batches(self, *, limit: int) -> AsyncIterator[list[Message]]:
        """Deliver the session. Raises `Killed` where the plan wants it."""
        left = list(self.session)
        while left:
            step = self._plan.pop(0) if self._plan else "calm"
            if step in ("away", "mute", "back"):
                self._weather.is_away, self._weather.is_mute = step == "away", step == "mute"
            if step == "kill":
                raise Killed
            if step == "kept":  # the drain and the lanes go on until the journal has changed, or not
                await self._journal.room()
            batch, left = left[:limit], left[limit:]
            yield batch


STEPS = st.lists(st.sampled_from(["calm", "away", "mute", "back", "kill", "kept"]), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(plan=STEPS)
async def test_rows_and_states_end_as_without_outages_and_crashes(
    engine: AsyncEngine, database: str, car_park: CarPark, tmp_path_factory: pytest.TempPathFactory, plan: list[str]
) -> None:
    async with opened(database, DatabaseConfig()) as pool:
        expected = await _picture_after(engine, car_park, Weather(pool), tmp_path_factory.mktemp("calm"), [])
        assert len(expected[0]) + len(expected[3]) == MESSAGES
        found = await _picture_after(engine, car_park, Weather(pool), tmp_path_factory.mktemp("storm"), list(plan))
    assert found == expected


async def test_an_outage_empties_the_broker_and_ends_as_without_it(
    engine: AsyncEngine, database: str, car_park: CarPark, tmp_path: Path
) -> None:
    """Everything is acknowledged while the database is away."""
    async with opened(database, DatabaseConfig()) as pool:
        expected = await _picture_after(engine, car_park, Weather(pool), tmp_path / "calm", [])
        await clear(engine)
        session = backlog(await car_park(3), MESSAGES)
        weather = Weather(pool)
        weather.is_away = True
        async with process(weather, tmp_path) as (intake, journal):
            await intake.run(link := Stormy(session, weather, journal, []))  # type: ignore[arg-type] # as in test_loop
            assert weather.refused > 0, "the fault did not happen"
            assert link.session == []
            assert journal.depth().rows == MESSAGES
            assert await value(engine, "select count(*) from uplink") == 0
            weather.is_away = False
            await emptied(journal)
            assert await picture(engine) == expected


async def emptied(journal: Journal) -> None:
    """Wait until the drain has recorded all of it."""
    async with asyncio.timeout(30):
        while journal.is_used:
            await journal.room()


async def _picture_after(
    engine: AsyncEngine, car_park: CarPark, weather: Weather, folder: Path, plan: list[str]
) -> list[Any]:
    """What is recorded of the same messages after this plan."""
    await clear(engine)
    session = backlog(await car_park(3), MESSAGES)
    while True:
        async with process(weather, folder) as (intake, journal):
            link = Stormy(session, weather, journal, plan)
            try:
                await intake.run(link)  # type: ignore[arg-type] # as in test_loop
            except* Killed:
                session = [msgspec.structs.replace(one, is_redelivered=True) for one in link.session]
            else:
                session = []
            if session:
                continue
            weather.is_away = weather.is_mute = False
            assert link.session == []
            await emptied(journal)
            return await picture(engine)
