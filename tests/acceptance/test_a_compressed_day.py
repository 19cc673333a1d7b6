"""24 hours of a car park in seconds: real uplinks and requests, every round of the clock, and a plain model of the rules.

The clock of the test jumps from minute to minute. What is compared with the model: states, reservations, stays, notices, and the
count of a zone with a counter at its ramp. One space is renamed in between.
"""

from collections import Counter
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock.moment import Moment
from parking_gateway.clock.rounds import ROUNDS
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config.sections import ReservationsConfig
from parking_gateway.requests.desk import Answer
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import CarPark
from tests.reference_model import CountedModel, Model, Plan
from tests.requests.conftest import Ask, ask

__all__ = ["ask"]

STAYS: Final = """
select name, past_stay.arrived_at, departed_at from past_stay join space on space.id = past_stay.space
where withdrawn_at is null order by name, past_stay.arrived_at
"""
NOTICES: Final = """
select space, kind, count(*) from notice
where space in ('A-1', 'A-2', 'A-3', 'A-4', 'A-5') group by space, kind
"""
RAMP: Final = dev_eui_of(901)
COUNTED: Final = (
    "insert into zone (site_id, name, capacity, resets_at, counted_since) select id, 'roof', 40, '03:30', 'epoch' from site",
    f"insert into counter (dev_eui, zone_id, direction, codec) select '{RAMP}', id, 'both', 'milesight_vs133' from zone where name = 'roof'",
)
MIDNIGHT: Final = NOON - timedelta(hours=12)
MINUTE: Final = timedelta(minutes=1)
DAY: Final = 24 * 60
"""Minutes, as all numbers here."""
HEARTBEAT: Final = 30
LOST_AFTER: Final = 90
MAX_STAY: Final = 120
BROKEN: Final = 200
"""For how long a broken sensor is silent."""
LATEST: Final = 45
"""The longest delay of an uplink."""
RULES: Final = ReservationsConfig(grace=15 * MINUTE, keeps_on_leaving=False)
LIMITS: Final = chirpstack.Limits(payload_bytes=65_536, depth=32)
ROUND: Final = 10
"""Minutes between two looks for silent sensors, and between two uplinks of the counter."""
RESET: Final = 3 * 60 + 30
"""When the count of the roof begins again."""
SURVEY: Final = 15 * 60 + 5
"""When a person counts the cars on the roof."""
RENAMED: Final = 11 * 60
OF_MINUTE: Final = {"reservations", "maintenance", "overstays"}
"""Rounds of every minute."""
OF_TEN_MINUTES: Final = {*OF_MINUTE, "silence", "counts"}
ALL: Final = {one.name for one in ROUNDS}
"""They go once in an hour."""


class ModelSpace(Model):
    """A space of the model, with its sensor, its stays and the limit of a stay."""

    def __init__(self, name: str, device: str, *, is_late: bool) -> None:
        """`is_late`: its uplinks come in any order, and people leave it alone."""
        super().__init__(grace=15, soon=0, keeps=False)
        self.name = name
        self.device = device
        self.is_late = is_late
        self.frames = 0
        self.sent_at = 0
        self.broken_until = 0
        self.opens_at: int | None = None
        self.arrived_at = 0
        self.stays: list[tuple[int, int]] = []
        self.overstay: str | None = None
        self.is_heard = False
        self.was_pending = False
        self.notices: Counter[str] = Counter()

    def begin_minute(self) -> None:
        """What the clock does at the beginning of a minute."""
        self.pass_minutes(1, is_away=False)
        if self.opens_at is not None and self.opens_at <= self.now:
            self.close(is_closed=False)
        if self.now % ROUND == 0 and self.is_heard and self.now - self.sent_at > LOST_AFTER:
            self.is_heard = False
            self.notices["silent"] += 1
        if self.state == "OCCUPIED" and self.overstay is None and self.now - self.arrived_at >= MAX_STAY:
            self.overstay = "exceeded"
            self.notices["overstay"] += 1

    def end_minute(self) -> None:
        """What an operator is told of it."""
        self.notices["conflict"] += self.is_pending and not self.was_pending
        self.was_pending = self.is_pending

    def close(self, *, is_closed: bool) -> None:
        """Maintenance, without a planned end."""
        super().close(is_closed=is_closed)
        self.opens_at, self.overstay = None, None

    def change(self) -> bytes:
        """A car comes or leaves. Returns the frame of the sensor."""
        if self.has_car:
            self.leave()
            self.stays.append((self.arrived_at, self.now))
            self.overstay = None
        else:
            self.arrive()
            self.arrived_at = self.now
        return self.beat()

    def beat(self) -> bytes:
        """The frame of the sensor without a change."""
        self.frames += 1
        self.notices["heard_again"] += self.frames > 1 and not self.is_heard
        self.sent_at, self.is_heard = self.now, True
        return OCCUPIED if self.has_car else VACANT


def at(minutes: int) -> datetime:
    return MIDNIGHT + minutes * MINUTE


class CompressedDay:
    """One day, from a seed: everything that can happen, happens to the gateway and to the model."""

    def __init__(self, *, spaces: list[ModelSpace], pool: Pool, ask: Ask, seed: int) -> None:
        self.spaces = spaces
        self.roof = CountedModel(capacity=40)
        self.pool = pool
        self.ask = ask
        self.rng = Random(seed)
        self.now = 0
        self.waiting: list[tuple[int, Message]] = []
        """Uplinks with the minute of their arrival."""
        self.ids: dict[int, str] = {}
        """The gateway's ids of the model's plans, by their identity."""
        self.happened: set[str] = set()
        self.has_asked = False

    async def go(self) -> None:
        for minute in range(1, DAY + 1):
            self.now = minute
            for space in self.spaces:
                space.begin_minute()
            await self.rounds(ALL if minute % 60 == 0 else OF_MINUTE if minute % ROUND else OF_TEN_MINUTES)
            await self.use_roof()
            if minute == RENAMED:
                await self.rename(self.spaces[-1], "Z-8")
            for space in self.spaces:
                await self.something(space)
            if await self.deliver() or self.has_asked:
                for space in self.spaces:
                    space.look()
                await self.rounds({"reservations"})
            self.has_asked = False
            for space in self.spaces:
                space.end_minute()
        self.now += LATEST
        await self.deliver()
        await self.rounds({"history"})

    async def rounds(self, names: AbstractSet[str]) -> None:
        moment = Moment(
            now=at(self.now),
            listening_since=MIDNIGHT - timedelta(days=1),
            lost_after=LOST_AFTER * MINUTE,
            reservations=RULES,
            guests=Guests(Decoder()),
        )
        for one in ROUNDS:
            if one.name in names:
                await one.go(self.pool, moment)

    async def something(self, space: ModelSpace) -> None:
        """At most one thing happens to a space in a minute."""
        if self.now < space.broken_until:
            await self.ask_something(space)
        elif self.now - space.sent_at >= HEARTBEAT:
            self.send(space, space.beat())
        elif self.rng.random() < (1 / 70 if space.has_car else 1 / 50):
            self.happened.add("left" if space.has_car else "arrived")
            self.send(space, space.change())
        elif not space.is_late:
            await self.ask_something(space)

    async def use_roof(self) -> None:
        """Cars drive up and down, and the counter sends its totals now and then."""
        roof = self.roof
        roof.came += self.rng.random() < 1 / 5
        roof.left += self.rng.random() < 1 / 6
        if self.now == RESET:
            roof.set(0)
        if self.now == SURVEY:
            roof.set(7)
            place = {"site": "central", "zone": "roof"}
            assert isinstance(await self.ask("zone/set-count", at=at(self.now), count=7, **place), Answer)
        if self.now % ROUND == 1:
            came, left = roof.send()
            payload = b"\x03\xd2" + came.to_bytes(4, "little") + b"\x04\xd2" + left.to_bytes(4, "little")
            event = up(RAMP, payload, at=self.now - 12 * 60, f_cnt=self.now, f_port=85)
            self.waiting.append((self.now, message(RAMP, event)))

    async def rename(self, space: ModelSpace, name: str) -> None:
        outcome = await self.ask(
            "space/rename", at=at(self.now), site="central", zone="level-1", space=space.name, name=name
        )
        assert isinstance(outcome, Answer), outcome
        space.name = name

    def send(self, space: ModelSpace, frame: bytes) -> None:
        delay = self.rng.randrange(LATEST) if space.is_late else 0
        event = up(space.device, frame, at=self.now - 12 * 60, f_cnt=space.frames)
        self.waiting.append((self.now + delay, message(space.device, event)))

    async def deliver(self) -> bool:
        """Record the uplinks that have arrived. Returns whether there were any."""
        due = [one for minute, one in self.waiting if minute <= self.now]
        self.waiting = [one for one in self.waiting if one[0] > self.now]
        if not due:
            return False
        batch = read(due, received_at=at(self.now), limits=LIMITS)
        async with self.pool.connect() as connection:
            await record(connection, batch, decoder=Decoder(), announce_every=timedelta(hours=9))
        return True

    async def ask_something(self, space: ModelSpace) -> None:
        """Perhaps a person asks for something."""
        chance = self.rng.random()
        self.has_asked = self.has_asked or chance < 1 / 60
        if chance < 1 / 150:
            await self.book(space)
        elif chance < 1 / 100:
            await self.cancel(space)
        elif chance < 1 / 75:
            await self.maintain(space)
        elif chance < 1 / 60 and space.overstay == "exceeded":
            self.happened.add("acknowledged")
            space.overstay = "acknowledged"
            await self.answered("space/acknowledge", space)
        elif chance > 1 - 1 / 700:
            self.happened.add("broken")
            space.broken_until = self.now + BROKEN

    async def book(self, space: ModelSpace) -> None:
        start = self.now + self.rng.randint(0, 90)
        end = start + self.rng.randint(5, 120)
        live = [one for one in space.plans if one.status in {"booked", "holding", "checked_in"}]
        is_free = not any(one.start < end and start < one.end for one in live)
        outcome = await self.ask(
            "reservation/create",
            at=at(self.now),
            site="central",
            zone="level-1",
            space=space.name,
            start=at(start).isoformat(),
            end=at(end).isoformat(),
            request_id=f"{space.name} {self.now}",
        )
        assert isinstance(outcome, Answer) is is_free, outcome
        self.happened.add("booked" if is_free else "refused")
        if isinstance(outcome, Answer):
            plan = Plan(start, end)
            space.plans.append(plan)
            self.ids[id(plan)] = outcome.data.reservation

    async def cancel(self, space: ModelSpace) -> None:
        for plan in space.plans:
            if plan.status in {"booked", "holding", "checked_in"}:
                self.happened.add("cancelled")
                space.cancel(plan)
                outcome = await self.ask("reservation/cancel", at=at(self.now), reservation=self.ids[id(plan)])
                assert isinstance(outcome, Answer), outcome
                return

    async def maintain(self, space: ModelSpace) -> None:
        is_closed = not space.is_closed
        space.close(is_closed=is_closed)
        planned: dict[str, str] = {}
        if is_closed and self.rng.random() < 1 / 2:
            space.opens_at = self.now + self.rng.randint(10, 120)
            planned = {"until": at(space.opens_at).isoformat()}
        self.happened.add("planned" if planned else "closed" if is_closed else "opened")
        await self.answered("space/maintenance", space, on=is_closed, **planned)

    async def answered(self, verb: str, space: ModelSpace, **parameters: object) -> None:
        place = {"site": "central", "zone": "level-1", "space": space.name}
        outcome = await self.ask(verb, at=at(self.now), **place, **parameters)
        assert isinstance(outcome, Answer), outcome


async def rows(engine: AsyncEngine, query: str) -> list[tuple[object, ...]]:
    async with engine.connect() as connection:
        return [tuple(row) for row in (await connection.execute(sa.text(query))).all()]


async def test_a_day_of_a_car_park_is_as_the_rules_have_it(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, ask: Ask
) -> None:
    devices = await car_park(8)
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"update zone set max_stay = {MAX_STAY * 60}"))
        for statement in COUNTED:
            await connection.execute(sa.text(statement))
    spaces = [ModelSpace(f"A-{number}", device, is_late=number > 5) for number, device in enumerate(devices, 1)]
    day = CompressedDay(spaces=spaces, pool=pool, ask=ask, seed=1)
    await day.go()
    assert day.happened >= {"arrived", "left", "booked", "cancelled", "closed", "opened", "planned", "broken"}
    in_order = [one for one in spaces if not one.is_late]
    assert await rows(engine, "select name, state, contact, overstay from space order by name limit 5") == [
        (one.name, one.state, "live" if one.is_heard else "lost", one.overstay) for one in in_order
    ]
    assert await rows(engine, "select name, state from space order by name") == [
        (one.name, one.state) for one in spaces
    ]
    assert await rows(engine, STAYS) == [
        (one.name, at(arrived), at(departed)) for one in spaces for arrived, departed in one.stays
    ]
    assert await rows(engine, "select id::text, status from reservation order by reservation.id") == sorted(
        ((day.ids[id(plan)], plan.status) for one in spaces for plan in one.plans), key=lambda row: int(row[0])
    )
    for one in in_order:
        one.notices["no_show"] = sum(plan.status == "no_show" for plan in one.plans)
    assert {kind for one in in_order for kind in +one.notices} == {
        "conflict",
        "heard_again",
        "no_show",
        "overstay",
        "silent",
    }
    assert {(name, kind): count for name, kind, count in await rows(engine, NOTICES)} == {
        (one.name, kind): count for one in in_order for kind, count in one.notices.items() if count
    }
    assert await rows(engine, "select count, drift from zone where name = 'roof'") == [(day.roof.count, day.roof.drift)]
