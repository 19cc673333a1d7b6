"""Event time in the database: whatever the order of arrival, log and stays end as if every uplink had come in order."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import history
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId, SpaceState
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.store import assignments
from parking_gateway.store import history as kept
from parking_gateway.store.confirmations import confirm
from parking_gateway.store.due import rows as due_rows
from parking_gateway.store.due import steps as due_steps
from parking_gateway.store.due import with_steps
from parking_gateway.store.installations import of_devices
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, message, up
from tests.plugins.car_park import CarPark

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
LOG = """
select "from", "to", at, cause from transition where withdrawn_at is null order by space, at, id
"""
STAYS = """
select arrived_at, departed_at, arrival, departure from past_stay where withdrawn_at is null order by space, arrived_at, id
"""
PRESENT = "select state, since, previous, cause, arrived_at, arrival from space order by id"


async def come(pool: Pool, *uplinks: Message, ahead: timedelta = timedelta(0)) -> None:
    """Record these in one transaction, by a clock of ours that is so far ahead."""
    batch = read(uplinks, received_at=NOON + timedelta(hours=2) + ahead, limits=LIMITS)
    async with pool.connect() as connection:
        await record(connection, batch, decoder=Decoder(), announce_every=timedelta(hours=1))


async def correct(pool: Pool) -> Committed:
    moment = Moment(
        now=NOON + timedelta(days=1),  # behind all uplinks
        listening_since=NOON,
        lost_after=timedelta(days=1),
        guests=Guests(Decoder()),
    )
    return await history.go(pool, moment)


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


def frame(device: str, number: int, status: bytes) -> Message:
    return message(device, up(device, status, at=number, f_cnt=number, deduplication_id=UUID(int=number + 1)))


async def test_a_visit_that_comes_late_is_added_to_the_log_and_the_stays(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await come(pool, frame(device, 1, VACANT))
    await come(pool, frame(device, 20, VACANT))
    await come(pool, frame(device, 5, OCCUPIED))
    await come(pool, frame(device, 9, VACANT))
    await correct(pool)
    at = [NOON + timedelta(minutes=minutes) for minutes in (5, 9)]
    assert await rows(pool.engine, LOG) == [
        ("FREE", "OCCUPIED", at[0], str(UUID(int=6))),
        ("OCCUPIED", "FREE", at[1], str(UUID(int=10))),
    ]
    assert await rows(pool.engine, STAYS) == [(*at, str(UUID(int=6)), str(UUID(int=10)))]
    assert await rows(pool.engine, "select * from late") == []
    assert await rows(pool.engine, "select version > published_version from space") == [(True,)]


async def test_a_wrong_step_is_withdrawn_and_the_right_one_names_it(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    for number, status in ((9, OCCUPIED), (20, VACANT), (5, OCCUPIED)):
        await come(pool, frame(device, number, status))
    before = await rows(pool.engine, "select id from transition order by id")
    async with pool.engine.begin() as connection:
        published = "update space set published_transition = 1000, published_transition_at = '2027-01-01'"
        await connection.execute(sa.text(published.replace("1000", str(before[-1][0]))))
    await correct(pool)
    wrong, _ = (number for (number,) in before)
    assert await rows(pool.engine, "select id from transition where withdrawn_at is not null") == [(wrong,)]
    assert await rows(
        pool.engine, "select corrects from transition where id > (select max(id) - 1 from transition)"
    ) == [(wrong,)]
    async with pool.connect() as connection:
        (due,) = await connection.together(due_steps([SpaceId(1)]))
    assert [(step.corrects, step.after) for _, step in due] == [(wrong, SpaceState.OCCUPIED)]
    sessions = await rows(pool.engine, "select body ->> 'corrects', body ->> 'arrived_at' from outgoing order by id")
    first = (await rows(pool.engine, "select min(id) from past_stay"))[0][0]
    assert sessions == [(None, f"{NOON:%Y-%m-%d}T12:09:00+00:00"), (str(first), f"{NOON:%Y-%m-%d}T12:05:00+00:00")]


async def test_a_log_that_is_ahead_of_the_clock_stays_as_it_came(pool: Pool, car_park: CarPark) -> None:
    """Our clock was ahead by a year for one uplink. Every step after it has its time, and their ids have the order."""
    (device,) = await car_park(1)
    await come(pool, frame(device, 1, VACANT))
    await come(pool, frame(device, 5, OCCUPIED), ahead=timedelta(days=365))
    await come(pool, frame(device, 9, VACANT))
    await come(pool, frame(device, 20, OCCUPIED))
    await come(pool, frame(device, 7, VACANT))
    before = await rows(pool.engine, LOG)
    assert len({at for _, _, at, _ in before}) == 1
    assert len(await rows(pool.engine, "select * from late")) == 1
    assert (await correct(pool)).steps_corrected == 0
    assert await rows(pool.engine, LOG) == before
    assert await rows(pool.engine, "select * from late") == []


async def test_steps_that_are_added_to_the_past_during_a_publication_are_published_too(
    pool: Pool, car_park: CarPark
) -> None:
    """The confirmation of later steps must not hide them."""
    (device,) = await car_park(1)
    space = [SpaceId(1)]
    for number, status in ((1, VACANT), (9, OCCUPIED), (12, VACANT), (15, OCCUPIED)):
        await come(pool, frame(device, number, status))
    async with pool.connect() as connection:
        earlier, gained = await connection.commit_together(due_rows(DueKind.SPACE, space), due_steps(space))
    await come(pool, frame(device, 3, OCCUPIED))
    await come(pool, frame(device, 5, VACANT))
    await correct(pool)
    async with pool.connect() as connection:
        (still_due,) = await connection.commit_together(confirm(DueKind.SPACE, with_steps(earlier, gained)))
        (left,) = await connection.commit_together(due_steps(space))
    assert still_due == {1}
    assert [step.at for _, step in left] == [NOON + timedelta(minutes=minutes) for minutes in (3, 5)]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("window", [3, 200])
async def test_any_order_of_arrival_ends_in_the_history_of_the_frames(
    pool: Pool, car_park: CarPark, seed: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "FRAMES", window)
    dice = Random(seed)
    devices = await car_park(1)
    frames = {
        device: [frame(device, 30 * number + place, dice.choice([OCCUPIED, VACANT])) for place in range(12)]
        for number, device in enumerate(devices)
    }
    for sent in frames.values():
        for one in sent:
            await come(pool, one)
    expected = [await rows(pool.engine, query) for query in (LOG, STAYS, PRESENT)]
    assert await rows(pool.engine, "select * from late") == []
    async with pool.engine.begin() as connection:
        for statement in (
            "truncate transition, past_stay, uplink",
            """
            update space
            set
                occupancy = null, state = 'FREE', previous = null, cause = null, seen_at = null, seen_f_cnt = 0,
                arrived_at = null, arrival = null, since = '2026-11-23'
            """,
        ):
            await connection.execute(sa.text(statement))
    arriving = [one for sent in frames.values() for one in sent]
    dice.shuffle(arriving)
    while arriving:
        size = dice.randint(1, 5)
        await come(pool, *arriving[:size])
        arriving = arriving[size:]
        if dice.random() < 0.3:
            await correct(pool)
    await correct(pool)
    assert [await rows(pool.engine, query) for query in (LOG, STAYS, PRESENT)] == expected


async def test_uplinks_from_before_a_sensor_was_moved_are_no_past_of_its_new_space(
    pool: Pool, car_park: CarPark
) -> None:
    device, _ = await car_park(2)
    await come(pool, frame(device, 1, VACANT))
    async with pool.connect() as connection:
        (installed,) = await connection.together(of_devices([DevEui(device)]))
        moved = [replace(one, space=SpaceId(2)) for one in installed]
        await connection.together(*assignments.change(installed=moved, removed=[]))
        await connection.commit_together()
    async with pool.engine.begin() as connection:
        await connection.execute(
            sa.text(
                f"update space set watched_since = '{NOON + timedelta(minutes=10)}' where id = 2 and watched_since > '-infinity'"
            )
        )
    for number, status in ((20, VACANT), (5, OCCUPIED), (12, OCCUPIED)):
        await come(pool, frame(device, number, status))
    await correct(pool)
    assert await rows(pool.engine, 'select space, "to", at from transition order by id') == [
        (2, "OCCUPIED", NOON + timedelta(minutes=12)),
        (2, "FREE", NOON + timedelta(minutes=20)),
    ]
