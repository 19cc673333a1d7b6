"""Uplinks that are missing by their frame counters are counted once, and no more once they have come."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import msgspec
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.clock import gaps
from parking_gateway.clock.moment import Moment
from parking_gateway.clock.senders import Senders
from parking_gateway.core.committed import Committed
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import uplinks
from parking_gateway.store.pool import Pool, opened
from tests.events import NOON

MINUTE = timedelta(minutes=1)
DEVICE = DevEui("a84041000181c061")


class Frame(msgspec.Struct, frozen=True):
    """An uplink as the device sent it. `run` counts joins and restarts of the counter."""

    f_cnt: int
    minutes: float
    run: int = 0
    dev_addr: str | None = "01a2d830"
    dev_eui: DevEui = DEVICE


class Watch:
    """Records frames, and looks for gaps, as the gateway does."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.senders = Senders()

    async def record(self, frames: Sequence[Frame]) -> None:
        """Record uplinks of these frames."""
        batch = [
            Uplink(
                uuid4(),
                DeviceIdentity(dev_eui=one.dev_eui),
                senders := NOON + one.minutes * MINUTE,
                senders,
                NOON,
                one.f_cnt,
                1,
                b"",
                one.dev_addr,
            )
            for one in frames
        ]
        async with self._pool.connect() as connection:
            await connection.commit_together(uplinks.add(map(DeviceReading, batch), {}))
        self.senders.recorded(batch)

    async def go(self, *, at: datetime = NOON + MINUTE) -> Committed:
        """One round of the clock."""
        moment = Moment(now=at, listening_since=NOON, lost_after=MINUTE, senders=self.senders)
        return await gaps.go(self._pool, moment)

    async def look(self, *, at: datetime = NOON + MINUTE) -> Committed:
        """Two rounds. The uplinks of before are due in the second."""
        assert await self.go(at=at) == Committed()
        return await self.go(at=at)

    async def missing(self) -> list[tuple[int, int]]:
        """The gaps that are kept now."""
        async with self._pool.engine.connect() as connection:
            rows = await connection.execute(sa.text("select first, last from lost order by dev_eui, at, first"))
            return [(first, last) for first, last in rows]


async def test_a_gap_is_counted_once_and_no_more_when_its_uplinks_come(pool: Pool) -> None:
    watch = Watch(pool)
    await watch.record([Frame(1, 0), Frame(2, 10), Frame(6, 50)])
    assert (await watch.look()).uplinks_lost == {DEVICE: 3}
    assert await watch.look() == Committed()
    await watch.record([Frame(4, 30)])
    committed = await watch.look()
    assert (committed.uplinks_lost, committed.uplinks_healed) == ({}, 1)
    assert await watch.missing() == [(3, 3), (5, 5)]
    await watch.record([Frame(5, 40), Frame(3, 20)])
    assert (await watch.look()).uplinks_healed == 2
    assert await watch.missing() == []


async def test_repeated_counters_joins_and_restarts_are_no_gaps(pool: Pool) -> None:
    watch = Watch(pool)
    again = [Frame(7, 0), Frame(7, 0.1), Frame(8, 1)]
    joined = [Frame(0, 2, dev_addr="01a2d831"), Frame(1, 3, dev_addr="01a2d831")]
    restarted = [
        Frame(500, 10, dev_addr="01a2d832"),
        Frame(3, 11, dev_addr="01a2d832"),
        Frame(4, 12, dev_addr="01a2d832"),
    ]
    later = [Frame(20, 20, dev_addr="01a2d833"), Frame(3, 90, dev_addr="01a2d833")]
    unknown = [Frame(1, 100, dev_addr=None), Frame(5, 101, dev_addr=None)]
    leap = [Frame(0, 110, dev_addr="01a2d834"), Frame(40_000, 111, dev_addr="01a2d834")]
    await watch.record([*again, *joined, *restarted, *later, *unknown, *leap])
    assert await watch.look() == Committed()


async def test_an_uplink_is_not_missing_because_a_later_one_overtook_it(pool: Pool) -> None:
    watch = Watch(pool)
    await watch.record([Frame(1, 0), Frame(3, 2)])
    assert await watch.go() == Committed()
    await watch.record([Frame(2, 1)])
    assert await watch.go() == await watch.go() == Committed()


async def test_a_gap_of_before_the_end_of_the_process_is_found_after_the_next_uplink(pool: Pool) -> None:
    """A sensor may send its next uplink hours later."""
    await Watch(pool).record([Frame(1, 0), Frame(4, 10)])
    watch = Watch(pool)
    await watch.record([Frame(5, 600)])
    assert (await watch.look()).uplinks_lost == {DEVICE: 2}


async def test_uplinks_that_retention_has_removed_do_not_close_their_gaps(pool: Pool, engine: AsyncEngine) -> None:
    watch = Watch(pool)
    await watch.record([Frame(1, 0), Frame(4, 10), Frame(5, 20)])
    await watch.look()
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from uplink where f_cnt = 1"))
    await watch.record([Frame(6, 30)])
    assert await watch.look() == Committed()
    assert await watch.missing() == [(2, 3)]


async def test_old_gaps_are_forgotten(pool: Pool, engine: AsyncEngine) -> None:
    lost = "select uplinks_lost, version from device"
    watch = Watch(pool)
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"insert into device (dev_eui) values ('{DEVICE}')"))
    await watch.record([Frame(1, 0), Frame(3, 10)])
    await watch.look()
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text(lost))).all() == [(1, 2)]
    await watch.look(at=NOON + timedelta(days=32))
    assert await watch.missing() == []
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text(lost))).all() == [(0, 3)]


def test_the_memory_of_heard_devices_has_a_limit() -> None:
    senders = Senders()
    for number in range(30_010):
        device = DeviceIdentity(dev_eui=DevEui(f"{number:016x}"))
        senders.recorded([Uplink(UUID(int=number), device, NOON, NOON, NOON, 1, 1, b"")])
    senders.turn()
    assert len(senders.due) == 30_000


RUNS = st.lists(st.sampled_from(["join", "restart"]), max_size=2).flatmap(
    lambda kinds: st.tuples(st.just(kinds), *(st.integers(0, 12) for _ in range(len(kinds) + 1)))
)


def _sent(runs: tuple[list[str], *tuple[int, ...]]) -> list[Frame]:
    """What a device sends that joins or restarts its counter in between, a frame every ten minutes."""
    kinds, *lengths = runs
    frames: list[Frame] = []
    session, first = 0, 200
    for run, length in enumerate(lengths):
        if run:
            session += kinds[run - 1] == "join"
            first = 200 if kinds[run - 1] == "join" else first - 100
        start = len(frames)
        frames += [
            Frame(first + number, (start + number) * 10, run, dev_addr=f"{session:08x}") for number in range(length)
        ]
    return frames


def _expected(frames: Sequence[Frame]) -> int:
    """How many are missing between the frames of each run."""
    counters: dict[int, set[int]] = defaultdict(set)
    for one in frames:
        counters[one.run].add(one.f_cnt)
    return sum(max(run) - min(run) + 1 - len(run) for run in counters.values())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RUNS, st.randoms(use_true_random=False), st.floats(0, 0.6))
def test_whatever_is_lost_and_in_any_order_the_gaps_are_the_losses(
    database: str, runs: tuple[list[str], *tuple[int, ...]], random: Random, share: float
) -> None:
    """Each is counted once, also across looks, and what comes late is no longer missing."""
    device = DevEui(uuid4().hex[:16])
    sent = [msgspec.structs.replace(one, dev_eui=device) for one in _sent(runs)]
    came = [one for one in sent if random.random() > share]
    late = [one for one in sent if one not in came and random.random() < 0.5]
    random.shuffle(came)
    random.shuffle(late)

    async def run() -> None:
        async with opened(database, DatabaseConfig()) as pool:
            watch = Watch(pool)
            missing = 0
            recorded: list[Frame] = []
            for part in (came[::2], came[1::2], late):
                if not part:
                    continue
                await watch.record(part)
                recorded += part
                committed = await watch.look()
                missing += sum(committed.uplinks_lost.values()) - committed.uplinks_healed
                assert missing == _expected(recorded)

    asyncio.run(run())
