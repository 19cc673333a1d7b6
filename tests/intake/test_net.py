"""Whatever goes wrong with a message, it becomes a rejection, and all others are recorded: the net beneath the intake."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DeviceIdentity, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.decoding.budget import GuestFrames, Guests
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.intake import net as net_of
from parking_gateway.intake.decide import decide
from parking_gateway.intake.loop import Intake
from parking_gateway.intake.read import read
from parking_gateway.intake.record import additions, lock_spaces_of, statements
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import utc
from parking_gateway.store.patience import Patience
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from parking_gateway.store.query import Query
from parking_gateway.store.verdicts import Diagnosis
from tests.events import OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import CarPark
from tests.whole_gateway import until

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
POISON = "ffffffff%"
"""Devices that PostgreSQL refuses, or on which the gateway breaks."""


class Net:
    """The intake's way of a batch into the database, without a broker, and what it reported."""

    def __init__(
        self, engine: AsyncEngine, *, decoder: Decoder, limits: chirpstack.Limits, guests: Guests | None = None
    ) -> None:
        self.outcomes: list[Committed] = []
        self.failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why an attempt on the database failed first."""
        database = Pool(engine)
        wait = Backoff(shortest=timedelta(seconds=0.01), longest=timedelta(seconds=0.1))
        self._intake = Intake(
            database=database,
            decoder=decoder,
            guests=guests,
            limits=limits,
            batch_size=1000,
            timeout=timedelta(seconds=30),
            patience=Patience(database, backoff=wait, stop=asyncio.Event(), report=self._take_note),
            announce_every=timedelta(hours=1),
            clock=utc,
            taken=lambda _batch: None,
            settled=lambda: None,
            report=self.outcomes.append,
        )

    def _take_note(self, _purpose: str, failure: Diagnosis | None) -> None:
        if failure and not self.failure.done():
            self.failure.set_result(failure.sentence)

    async def commit(self, batch: Sequence[Message]) -> None:
        """As the intake commits a lane."""
        await self._intake.commit(batch)


class Pausing(PipelinedConnection):
    """A connection that waits between the locks of a search and its trials."""

    begun: asyncio.Event
    go_on: asyncio.Event

    @override
    async def tried(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        await self.rollback()
        self.begun.set()
        await self.go_on.wait()
        return await super().tried(trials)


def net(engine: AsyncEngine, *, decoder: Decoder | None = None, limits: chirpstack.Limits = LIMITS) -> Net:
    return Net(engine, decoder=decoder or Decoder(), limits=limits)


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(sa.text(query))).all())


async def refuse(engine: AsyncEngine, table: str, condition: str, state: str) -> None:
    """From now on PostgreSQL answers with this SQLSTATE when such a row is written to the table."""
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(
                f"create function refuse_{table}() returns trigger language plpgsql as $$ begin"
                f" if {condition} then raise exception 'not this one' using errcode = '{state}'; end if;"
                " return new; end $$"
            )
        )
        await connection.execute(
            sa.text(
                f"create trigger refuse before insert or update on {table}"
                f" for each row execute function refuse_{table}()"
            )
        )


def poison(number: int) -> str:
    return f"ffffffff{number:08x}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(poisoned=st.lists(st.booleans(), min_size=1, max_size=60))
async def test_any_messages_that_are_refused_are_rejected_and_all_others_are_recorded_once(
    engine: AsyncEngine, poisoned: list[bool]
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("truncate uplink, device, rejection cascade"))
        await connection.execute(sa.text("drop function if exists refuse_uplink cascade"))
    await refuse(engine, "uplink", f"new.dev_eui like '{POISON}'", "P0001")
    batch = [
        message(device, up(device, at=number, deduplication_id=uuid4()))
        for number, is_poison in enumerate(poisoned)
        for device in [poison(number) if is_poison else dev_eui_of(number)]
    ]
    one = net(engine)
    await one.commit(batch)
    sound = sorted(dev_eui_of(number) for number, is_poison in enumerate(poisoned) if not is_poison)
    assert [row.dev_eui for row in await rows(engine, "select dev_eui from uplink order by 1")] == sound
    rejected = await rows(engine, "select payload from rejection order by payload")
    bad = [one.payload for one, is_poison in zip(batch, poisoned, strict=True) if is_poison]
    assert [bytes(row.payload) for row in rejected] == sorted(bad)
    assert sum(len(outcome.recorded) for outcome in one.outcomes) == len(sound)
    assert sum(outcome.received["up"] for outcome in one.outcomes) == len(batch)


@pytest.mark.parametrize(
    ("state", "rejected"),
    [
        pytest.param("23514", ("invalid", "PostgreSQL refuses it: not this one"), id="a check"),
        pytest.param("22003", ("invalid", "PostgreSQL refuses it: not this one"), id="out of range"),
        pytest.param("54000", ("invalid", "PostgreSQL refuses it: not this one"), id="a limit"),
        pytest.param("P0001", ("gateway_failed", "RaiseException: not this one"), id="nobody foresaw it"),
    ],
)
@pytest.mark.parametrize(
    ("table", "condition"),
    [
        ("uplink", f"new.dev_eui like '{POISON}'"),
        ("device", f"new.dev_eui like '{POISON}'"),
        ("space", "new.id = 1 and new.version > 1"),
        ("transition", "new.space = 1"),
    ],
)
async def test_whatever_table_refuses_a_message_only_that_message_is_rejected(
    engine: AsyncEngine, car_park: CarPark, table: str, condition: str, state: str, rejected: tuple[str, str]
) -> None:
    devices = await car_park(40)
    strange = poison(0) if "dev_eui" in condition else devices[0]
    await refuse(engine, table, condition, state)
    sent = [*devices[1:20], strange, *devices[20:]]
    await net(engine).commit([message(device, up(device, OCCUPIED, at=1)) for device in sent])
    (row,) = await rows(engine, "select reason, detail, payload from rejection")
    assert (row.reason, row.detail) == rejected
    assert strange.encode() in bytes(row.payload)
    assert {row.dev_eui for row in await rows(engine, "select dev_eui from uplink")} == {*devices[1:]}
    assert len(await rows(engine, "select * from transition")) == 39


async def test_device_events_that_are_refused_are_rejected_alone(engine: AsyncEngine) -> None:
    await refuse(engine, "device_event", f"new.dev_eui like '{POISON}'", "23514")
    devices = [dev_eui_of(1), poison(1), dev_eui_of(2), poison(2)]
    batch = [message(device, up(device).replace(b'"dr"', b'"margin": 7, "dr"'), event="status") for device in devices]
    await net(engine).commit(batch)
    assert [row.dev_eui for row in await rows(engine, "select dev_eui from device_event order by 1")] == devices[::2]
    assert len(await rows(engine, "select * from rejection where reason = 'invalid'")) == 2


async def test_a_rejection_that_cannot_be_written_is_waited_for(engine: AsyncEngine) -> None:
    """Whatever refuses it was not in the message. Raised, it would end the process again and again."""
    await refuse(engine, "rejection", "true", "23514")
    one = net(engine)
    committing = asyncio.create_task(one.commit([message(dev_eui_of(1), b"{")]))
    committing.add_done_callback(lambda _: one.failure.done() or one.failure.cancel())
    assert await one.failure == "not this one (PL/pgSQL function refuse_rejection() line 1 at RAISE)"
    async with engine.begin() as connection:
        await connection.execute(sa.text("drop trigger refuse on rejection"))
    await committing
    assert len(await rows(engine, "select * from rejection")) == 1
    assert [len(outcome.rejected) for outcome in one.outcomes] == [1]


class BreakingDecoder(Decoder, frozen=True, kw_only=True):
    """One with a bug that only some devices meet."""

    def choice(self, device: DeviceIdentity, installation: Installation) -> Choice | None:
        """Breaks for the device of the first space."""
        if device.dev_eui == dev_eui_of(1):
            raise ZeroDivisionError("a bug")
        return super().choice(device, installation)


class BreakingLimit(int):
    """A limit that cannot be compared with one length."""

    def __lt__(self, length: int) -> bool:
        if length == 13:
            raise ZeroDivisionError("a bug")
        return int(self) < length


@pytest.mark.parametrize("size", [1, 2, 50])
async def test_a_bug_in_the_decision_costs_the_messages_that_meet_it(
    engine: AsyncEngine, car_park: CarPark, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = await car_park(size)
    batch = [
        message(device, up(device, data, at=minute))
        for minute, data in enumerate([OCCUPIED, VACANT])
        for device in devices
    ]
    await net(engine, decoder=BreakingDecoder()).commit(batch)
    rejected = await rows(engine, "select reason, detail from rejection")
    assert rejected == [("gateway_failed", "ZeroDivisionError: a bug")] * 2
    assert len(await rows(engine, "select * from uplink")) == len(batch) - 2
    assert len(await rows(engine, "select * from transition")) == len(batch) - 2


@pytest.mark.parametrize("size", [1, 2, 50])
async def test_a_bug_in_reading_costs_the_messages_that_meet_it(engine: AsyncEngine, size: int) -> None:
    devices = [dev_eui_of(number) for number in range(size)]
    batch = [message(device, up(device)) for device in devices]
    batch.insert(size // 2, message(dev_eui_of(99), b"x" * 13))
    limits = chirpstack.Limits(payload_bytes=BreakingLimit(65_536), depth=32)
    await net(engine, limits=limits).commit(batch)
    ((reason, detail, payload),) = await rows(engine, "select reason, detail, payload from rejection")
    assert (reason, detail, bytes(payload)) == ("gateway_failed", "ZeroDivisionError: a bug", b"x" * 13)
    assert len(await rows(engine, "select * from uplink")) == size


class BreakingGuests(Guests):
    """With a bug that only one device meets."""

    def frames(self, uplinks: Iterable[Uplink], installed: Iterable[Installation]) -> GuestFrames:
        """Breaks for the poison."""
        uplinks = list(uplinks)
        if any(uplink.device.dev_eui == poison(7) for uplink in uplinks):
            raise ZeroDivisionError("a bug")
        return super().frames(uplinks, installed)


async def test_a_bug_on_the_way_to_the_guests_costs_the_message_that_meets_it(engine: AsyncEngine) -> None:
    """It is found by halving, because without the guests nothing can be tried."""
    devices = [dev_eui_of(number) for number in range(20)]
    batch = [message(device, up(device)) for device in [*devices[:5], poison(7), *devices[5:]]]
    decoder = Decoder()
    await Net(engine, decoder=decoder, limits=LIMITS, guests=BreakingGuests(decoder)).commit(batch)
    assert await rows(engine, "select reason, detail from rejection") == [
        ("gateway_failed", "ZeroDivisionError: a bug")
    ]
    assert len(await rows(engine, "select * from uplink")) == 20


async def test_a_trial_and_a_recording_of_the_same_uplink_do_not_deadlock(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    """The trial begins when the other one has locked the space and has not added the uplink."""
    (device,) = await car_park(1)
    messages = [message(device, up(device, OCCUPIED))]
    reading = partial(read, received_at=utc(), limits=LIMITS)
    batch = reading(messages)
    async with engine.connect() as raw, pool.connect() as recording:
        trying = Pausing(raw)
        trying.begun, trying.go_on = asyncio.Event(), asyncio.Event()
        search = net_of.faults(trying, messages, read=reading, decoder=Decoder(), announce_every=timedelta(hours=1))
        searching = asyncio.create_task(search)
        await trying.begun.wait()
        new, locked = await lock_spaces_of(recording, batch)
        decision = decide(batch, new, locked, decoder=Decoder())
        trying.go_on.set()

        async def waits() -> bool:
            return bool(await rows(engine, "select from pg_locks where not granted"))

        await until(waits, "the trial, for the space")
        changes = statements(batch, decision, locked, {}, rejected=(), announce_every=timedelta(hours=1))
        await recording.commit_together(*additions(decision, {}), *changes)
        assert await searching == {}
