"""Observe first: an observed installation leaves its space as if its uplinks had not come, and then it is a sensor like any other."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import history, silence
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueDevice, DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS, Installation
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.sensor import sensor_key
from parking_gateway.core.space import Contact, Space, SpaceId
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.decide import decide
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.store.pool import Pool
from parking_gateway.store.spaces import Locked
from tests.due import due_in
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import CarPark
from tests.reference_model import WatchedModel

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
A = SpaceId(1)
ONE, TWO = (DevEui(dev_eui_of(number)) for number in (1, 2))
SPACE = Space(id=A, since=NOON - timedelta(hours=1))
BOSCH = "bosch_tps110_v029"
Uplinks = Sequence[tuple[DevEui, bool]]
"""Each with its sensor, and whether a car is there."""


def sent(uplinks: Uplinks) -> list[Message]:
    """The uplinks, one a minute."""
    return [
        message(
            device,
            up(
                device,
                OCCUPIED if is_occupied else VACANT,
                at=number,
                f_cnt=number + 1,
                deduplication_id=UUID(int=number + 1),
            ),
        )
        for number, (device, is_occupied) in enumerate(uplinks)
    ]


# --- pure


class Parked:
    """A space in memory, with installations that count down as those in the database do."""

    def __init__(self, observed: dict[DevEui, int]) -> None:
        self.space = SPACE
        self.left: dict[DevEui, int | None] = dict(observed)
        self.changed_by: list[UUID] = []

    def take(self, batch: Sequence[Message], devices: Iterable[DevEui]) -> None:
        """Decide about a batch as the intake does."""
        found = read(batch, received_at=NOON + timedelta(hours=9), limits=LIMITS)
        installations = {
            one: [Installation(dev_eui=one, space=A, codec=BOSCH, observe_left=self.left.get(one))] for one in devices
        }
        sensors = frozenset(sensor_key(one, 0) for one in devices if self.left.get(one) is None)
        locked = Locked(installations=installations, spaces={A: self.space}, sensors={A: sensors})
        made = decide(found, found.uplinks, locked, decoder=Decoder())
        self.space = made.turn.spaces[A]
        for one in made.observing.counted.values():
            left = self.left[one.dev_eui]
            assert left is not None
            self.left[one.dev_eui] = None if one.is_over else left - one.uplinks if left > 0 else left
        observed = {one.seen.cause for one in made.observing.observed}
        self.changed_by += [one.deduplication_id for one in found.uplinks if one.deduplication_id not in observed]


def batches(messages: list[Message], size: int) -> list[list[Message]]:
    return [messages[start : start + size] for start in range(0, len(messages), size)]


@given(
    st.lists(st.booleans(), max_size=12),
    st.sampled_from([ENDLESS, 1, 2, 5]),
    st.integers(1, 5),
    st.permutations(range(12)),
)
def test_a_space_is_as_if_the_observed_uplinks_had_not_come(
    readings: list[bool], uplinks: int, size: int, order: list[int]
) -> None:
    """In any order of arrival, and however the uplinks are cut into batches."""
    messages = sent([(ONE, one) for one in readings])
    arriving = [messages[place] for place in order if place < len(messages)]
    observed, plain = Parked({ONE: uplinks}), Parked({})
    for batch in batches(arriving, size):
        observed.take(batch, [ONE])
    begins = len(arriving) if uplinks == ENDLESS else uplinks
    for one in arriving[begins:]:
        plain.take([one], [ONE])
    assert observed.space == plain.space
    assert observed.changed_by == plain.changed_by


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.booleans()), max_size=16), st.integers(1, 6))
def test_the_other_sensor_decides_alone_while_one_is_observed(uplinks: Uplinks, size: int) -> None:
    both, alone = Parked({TWO: ENDLESS}), Parked({})
    for batch in batches(sent(uplinks), size):
        both.take(batch, [ONE, TWO])
    for one in sent(uplinks):
        if ONE in one.topic:
            alone.take([one], [ONE])
    assert both.space == alone.space
    assert both.space.sensors is None


@given(
    st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.booleans()), max_size=16),
    st.dictionaries(st.sampled_from([ONE, TWO]), st.integers(1, 5)),
    st.integers(1, 6),
)
def test_a_space_with_two_sensors_is_decided_by_those_that_are_not_observed(
    uplinks: Uplinks, observed: dict[DevEui, int], size: int
) -> None:
    observed = observed or {TWO: 1}  # a space that has had two sensors always is another test
    model, parked = WatchedModel(observed), Parked(observed)
    for batch in batches(sent(uplinks), size):
        parked.take(batch, [ONE, TWO])
    for device, is_occupied in uplinks:
        model.hear(device, is_occupied=is_occupied)
    expected = {None: None, True: Occupancy.OCCUPIED, False: Occupancy.VACANT}[model.is_occupied]
    assert parked.space.occupancy is expected
    assert (parked.space.contact is Contact.LIVE) == (expected is not None)


# --- in the database


async def come(pool: Pool, *uplinks: Message) -> Committed:
    """Record these in one transaction."""
    batch = read(uplinks, received_at=NOON + timedelta(hours=9), limits=LIMITS)
    async with pool.connect() as connection:
        return await record(connection, batch, decoder=Decoder(), announce_every=timedelta(hours=99))


async def rows(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    async with pool.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def observe(pool: Pool, device: str, uplinks: int, *, space: str | None = None) -> None:
    """As the register writes it."""
    async with pool.engine.begin() as connection:
        if space is not None:
            moved = (
                "update installation set space_id = (select id from space where name = :space) where dev_eui = :device"
            )
            await connection.execute(sa.text(moved), {"space": space, "device": device})
        wished = "update installation set observe = :uplinks, observe_left = :uplinks where dev_eui = :device"
        await connection.execute(sa.text(wished), {"uplinks": uplinks, "device": device})


async def published(pool: Pool, device: str) -> DueDevice:
    async with pool.connect() as connection:
        found = await due_in(connection, DueKind.DEVICE)
    (one,) = (row for row in found if isinstance(row, DueDevice) and row.key == device)
    return one


SPACES = "select name, state, contact, version, (select count(*) from transition where space = space.id) from space order by id"
LEFT = "select observe_left from installation order by dev_eui"


async def test_an_observed_device_is_recorded_and_published_and_its_space_is_not_changed(
    pool: Pool, car_park: CarPark
) -> None:
    device, _ = await car_park(2)
    await observe(pool, device, 3)
    before = await rows(pool, "select row_to_json(space)::text from space order by id")
    committed = await come(pool, *sent([(DevEui(device), True), (DevEui(device), False)]))
    assert (committed.changed, committed.steps, committed.notices) == ([], [], [])
    assert await rows(pool, "select row_to_json(space)::text from space order by id") == before
    assert await rows(pool, "select count(*) from uplink") == [(2,)]
    assert await rows(pool, "select occupancy, codec, channel from observed order by at") == [
        ("occupied", BOSCH, 0),
        ("vacant", BOSCH, 0),
    ]
    row = await published(pool, device)
    assert (row.contact, row.observe_left, row.observed) == ("live", 1, Occupancy.VACANT)


async def test_behind_the_last_observed_uplink_the_next_one_is_the_first(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await observe(pool, device, 2)
    committed = await come(pool, *sent([(DevEui(device), True), (DevEui(device), True), (DevEui(device), False)]))
    (notice,) = committed.notices
    assert (notice.kind, notice.dev_eui, notice.space, notice.details) == (
        NoticeKind.OBSERVED,
        device,
        1,
        {"channel": 0},
    )
    assert await rows(pool, "select kind, space, dev_eui from notice") == [("observed", "A-1", device)]
    assert await rows(pool, "select state, occupancy, contact from space") == [("FREE", "vacant", "live")]
    assert await rows(pool, "select observe, observe_left from installation") == [(2, None)]
    assert (await published(pool, device)).observe_left is None
    assert await rows(pool, "select count(*) from observed") == [(2,)]


async def test_every_uplink_of_an_observed_device_is_published(pool: Pool, car_park: CarPark) -> None:
    """Also one that differs in nothing: people look at the topic to see whether the sensor works."""
    (device,) = await car_park(1)
    await observe(pool, device, ENDLESS)
    versions = []
    for one in sent([(DevEui(device), True)] * 3):
        await come(pool, one)
        versions.append((await rows(pool, "select version from device"))[0][0])
    assert versions == sorted(set(versions))
    assert await rows(pool, LEFT) == [(ENDLESS,)]


async def test_a_sensor_that_was_observed_joins_the_other_one(pool: Pool, car_park: CarPark) -> None:
    first, second = await car_park(2)
    await observe(pool, second, 1, space="A-1")
    one, two = DevEui(first), DevEui(second)
    uplinks = sent([(one, False), (two, True), (two, True), (one, False)])
    await come(pool, *uplinks[:2])
    assert await rows(pool, SPACES) == [("A-1", "FREE", "live", 2, 0), ("A-2", "FREE", "never", 1, 0)]
    await come(pool, *uplinks[2:])
    assert await rows(pool, "select state, sensors is not null from space where name = 'A-1'") == [("OCCUPIED", True)]


async def test_a_late_uplink_does_not_bring_the_observed_ones_into_the_past(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await observe(pool, device, 2)
    first, late, second, third = sent([(DevEui(device), one) for one in (True, True, False, False)])
    await come(pool, first)
    await come(pool, second)
    await come(pool, third)
    await come(pool, late)
    moment = Moment(
        now=NOON + timedelta(hours=9), listening_since=NOON, lost_after=timedelta(days=1), guests=Guests(Decoder())
    )
    await history.go(pool, moment)
    assert await rows(pool, "select count(*) from transition") == [(0,)]
    assert await rows(pool, "select count(*) from past_stay") == [(0,)]


async def test_a_doubt_about_the_past_is_forgotten_with_the_sensor(pool: Pool, car_park: CarPark) -> None:
    """The steps that are there stay: the frames of an observed sensor do not replace them."""
    (device,) = await car_park(1)
    first, late, second = sent([(DevEui(device), one) for one in (True, False, True)])
    await come(pool, first)
    await come(pool, second)
    await come(pool, late)
    log = await rows(pool, 'select "from", "to", at from transition where withdrawn_at is null')
    await observe(pool, device, ENDLESS)
    moment = Moment(
        now=NOON + timedelta(hours=9), listening_since=NOON, lost_after=timedelta(days=1), guests=Guests(Decoder())
    )
    await history.go(pool, moment)
    assert await rows(pool, 'select "from", "to", at from transition where withdrawn_at is null') == log
    assert await rows(pool, "select * from late") == []


async def test_the_silence_of_an_observed_device_is_its_own(pool: Pool, car_park: CarPark) -> None:
    """Its space is live, because the other sensor is heard."""
    first, second = await car_park(2)
    await observe(pool, second, ENDLESS, space="A-1")
    await come(pool, message(second, up(second, OCCUPIED)), message(first, up(first, VACANT, at=300)))
    moment = Moment(
        now=NOON + timedelta(hours=6), listening_since=NOON - timedelta(hours=9), lost_after=timedelta(hours=2)
    )
    committed = await silence.go(pool, moment)
    assert (committed.lost, committed.changed) == ([second], [])
    assert await rows(pool, "select contact from space where name = 'A-1'") == [("live",)]
    assert await rows(pool, "select contact from device order by dev_eui") == [("live",), ("lost",)]
    assert await silence.go(pool, moment) == Committed()
