"""What a publisher of events can make the gateway store is bounded, and nothing beyond the bounds is lost or delayed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.allowance import Allowance
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui, Reason
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.bounds import Bounds
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.intake.retrying import Retried, Retry
from parking_gateway.process.wall_clock import utc
from parking_gateway.store.dead_letters import Wanted
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests.events import dev_eui_of, message, up
from tests.plugins.car_park import CarPark

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


def bounds_of(*, devices: int = 1000, rejected_bytes: int = 1_000_000) -> Bounds:
    return Bounds(new_devices=Allowance(devices), rejected_bytes=Allowance(rejected_bytes))


async def recorded(engine: AsyncEngine, bounds: Bounds, *batch: Message, at: datetime = NOW) -> Committed:
    """Record and commit the batch, and count it."""
    found = read(batch, received_at=at, limits=LIMITS)
    with bounds.share(at) as share:
        async with engine.begin() as connection:
            return await record(
                PipelinedConnection(connection), found, decoder=Decoder(), announce_every=HOUR, share=share
            )


def uplinks_of(numbers: range, *, f_cnt: int = 0) -> list[Message]:
    return [message(dev_eui_of(number), up(dev_eui_of(number), f_cnt=f_cnt)) for number in numbers]


def join_of(number: int) -> Message:
    event = json.loads(up(dev_eui_of(number)))
    return message(dev_eui_of(number), json.dumps(event).encode(), event="join")


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def retried(pool: Pool) -> Retried:
    retry = Retry(database=pool, guests=Guests(Decoder()), limits=LIMITS, announce_every=HOUR, clock=utc)
    return await retry.retry(Wanted())


async def test_new_devices_beyond_the_bound_get_no_row_and_their_uplinks_are_recorded(engine: AsyncEngine) -> None:
    bounds = bounds_of(devices=3)
    committed = await recorded(engine, bounds, *uplinks_of(range(1, 6)))
    assert (committed.new_devices, committed.unassigned) == (3, 5)
    assert [letter.rejection.reason for letter in committed.rejected] == [Reason.TOO_MANY_DEVICES] * 2
    assert await rows(engine, "select count(*) from uplink") == [(5,)]
    assert await rows(engine, "select dev_eui from device order by 1") == [
        (dev_eui_of(number),) for number in (1, 2, 3)
    ]
    assert await rows(engine, "select dev_eui, reason, payload from rejection order by id") == [
        (dev_eui_of(number), "too_many_devices", b"") for number in (4, 5)
    ]


async def test_a_device_that_goes_on_sending_gets_its_row_later(engine: AsyncEngine) -> None:
    """The amount comes back within an hour. Devices with a row never count."""
    bounds = bounds_of(devices=3)
    await recorded(engine, bounds, *uplinks_of(range(1, 6)))
    again = await recorded(engine, bounds, *uplinks_of(range(1, 6), f_cnt=1))
    assert (again.new_devices, len(again.rejected)) == (0, 2)
    later = await recorded(engine, bounds, *uplinks_of(range(1, 6), f_cnt=2), at=NOW + HOUR)
    assert (later.new_devices, later.rejected) == (2, [])
    assert await rows(engine, "select count(*) from device") == [(5,)]


async def test_a_device_of_the_register_is_never_new(engine: AsyncEngine, car_park: CarPark) -> None:
    """Installed or not, and also if its contact was lost."""
    await car_park(3)
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"delete from installation where dev_eui = '{dev_eui_of(2)}'"))
        await connection.execute(sa.text("update device set contact = 'lost'"))
    committed = await recorded(engine, bounds_of(devices=0), *uplinks_of(range(1, 4)), join_of(1), join_of(2))
    assert (committed.new_devices, committed.rejected) == (0, [])
    assert await rows(engine, "select count(*) from device where contact = 'live'") == [(3,)]


async def test_an_event_of_a_device_beyond_the_bound_is_a_rejection_that_can_be_tried_again(
    engine: AsyncEngine, pool: Pool
) -> None:
    """A join makes no row either. Delivered again, it is one rejection."""
    bounds = bounds_of(devices=0)
    join = join_of(1)
    for _ in range(2):
        committed = await recorded(engine, bounds, join)
        assert [letter.rejection.reason for letter in committed.rejected] == [Reason.TOO_MANY_DEVICES]
    assert await rows(engine, "select count(*) from rejection") == [(1,)]
    assert await rows(engine, "select (select count(*) from device) + (select count(*) from device_event)") == [(0,)]
    assert (await retried(pool)).recorded == 1
    assert await rows(engine, "select count(*) from device_event") == [(1,)]
    assert await rows(engine, "select count(*) from rejection") == [(0,)]


async def test_an_uplink_beyond_the_bound_counts_once_its_device_watches_a_space(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    """After the device has sent again, the retry reads the recorded uplink."""
    await car_park(1)
    number = 7
    bounds = bounds_of(devices=0)
    await recorded(engine, bounds, *uplinks_of(range(number, number + 1)))
    assert (await retried(pool)).recorded == 0
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"insert into device (dev_eui) values ('{dev_eui_of(number)}')"))
        await connection.execute(sa.text(f"update installation set dev_eui = '{dev_eui_of(number)}'"))
    again = await recorded(engine, bounds, *uplinks_of(range(number, number + 1), f_cnt=1))
    assert again.rejected == []
    assert (await retried(pool)).recorded == 1
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]
    assert await rows(engine, "select count(*) from rejection") == [(0,)]


@pytest.mark.parametrize("is_redelivered", [False, True])
async def test_rejections_beyond_the_bound_are_stored_without_their_payloads(
    engine: AsyncEngine, pool: Pool, *, is_redelivered: bool
) -> None:
    """Each is one row, however often it is delivered. It is not lost in a retry, which has nothing to try."""
    size = 10_000
    bounds = bounds_of(rejected_bytes=3 * size)
    sent = [message("0" * 16, f"{{{number}".encode().ljust(size, b"x")) for number in range(10)]
    committed = await recorded(engine, bounds, *sent)
    assert [letter.is_cut for letter in committed.rejected] == [False] * 2 + [True] * 8
    if is_redelivered:
        again = [Message(one.topic, one.payload, 1, 1, is_redelivered=True) for one in sent]
        await recorded(engine, bounds, *again)
    assert await rows(engine, "select length(payload), count(*) from rejection group by 1 order by 1") == [
        (0, 8),
        (size, 2),
    ]
    (detail,) = {row for (row,) in await rows(engine, "select detail from rejection where payload = ''")}
    assert detail.endswith("Its payload is not stored: limits.rejected_bytes_per_hour.")
    assert len(detail) < 300
    outcome = await retried(pool)
    assert (outcome.recorded, dict(outcome.remaining)) == (0, {"malformed": 10})
    assert (await recorded(engine, bounds, message("0" * 16, b"{later"), at=NOW + HOUR)).rejected[
        0
    ].payload == b"{later"


async def test_the_rows_of_a_flood_of_rejections_are_small(engine: AsyncEngine) -> None:
    """With topics and payloads as long as possible: 0.7 kB each, with their indexes."""
    topic = f"application/{'x' * 60_000}/event/up"
    sent = [Message(topic, f"{{{number}".encode().ljust(60_000), 1, 1, is_redelivered=False) for number in range(500)]
    before = await rows(engine, "select pg_total_relation_size('rejection')")
    committed = await recorded(engine, bounds_of(rejected_bytes=0), *sent)
    assert len(committed.rejected) == 500
    after = await rows(engine, "select pg_total_relation_size('rejection')")
    assert (after[0][0] - before[0][0]) / 500 < 750


def test_transactions_side_by_side_share_what_is_left() -> None:
    """The second begins before the first is committed."""
    bounds = bounds_of(devices=3)
    strangers = [DevEui(dev_eui_of(number)) for number in range(5)]
    with bounds.share(NOW) as first, bounds.share(NOW) as second:
        assert first.beyond(strangers[:2]) == set()
        assert second.beyond(strangers[2:]) == set(strangers[3:])


def test_a_transaction_that_fails_has_used_nothing() -> None:
    bounds = bounds_of(devices=3)
    strangers = [DevEui(dev_eui_of(number)) for number in range(3)]

    def fail() -> None:
        with bounds.share(NOW) as failing:
            failing.beyond(strangers)
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        fail()
    with bounds.share(NOW) as share:
        assert share.beyond(strangers) == set()
