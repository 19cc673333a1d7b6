"""The verbs about counted zones, and the night."""

from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.clock import counts
from parking_gateway.clock.moment import Moment
from parking_gateway.requests.desk import Answer, Code, Refusal
from parking_gateway.store.pool import Pool
from tests.events import NOON
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask

ZONE = {"site": "central", "zone": "level-1"}
COUNTER = "24e124a84041000d"
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
Setting = dict[str, str]
CAPACITY = "update zone set capacity = 40"


async def rows(engine: AsyncEngine, query: str) -> list[tuple[object, ...]]:
    async with engine.connect() as connection:
        return [tuple(one) for one in await connection.execute(sa.text(query))]


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement))


async def test_a_count_is_set_by_hand(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(1)
    await execute(engine, "update zone set capacity = 40, count = 3, drift = -3")
    done = await ask("zone/set-count", **ZONE, count=37)
    assert isinstance(done, Answer)
    assert done.committed.has_new_counts
    assert done.data == {"before": 3, "count": 37, "drift": -3}
    assert await rows(engine, "select count, drift, counted_since from zone") == [(37, 0, NOON)]


async def test_a_counter_is_installed_moved_and_removed(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(1)
    await execute(engine, CAPACITY)
    outcome = await ask(
        "counter/assign", **ZONE, dev_eui="24:E1:24:A8:40:41:00:0D", codec="milesight_vs133", options={"port": "86"}
    )
    assert isinstance(outcome, Answer)
    await execute(engine, "update counter set tracks = '{}'")
    await ask("counter/assign", **ZONE, dev_eui=COUNTER, direction="in")
    assert await rows(engine, "select dev_eui, channel, direction, codec, options, tracks from counter") == [
        (COUNTER, 0, "in", None, {}, None)
    ]
    assert isinstance(await ask("counter/unassign", dev_eui=COUNTER), Answer)
    assert await rows(engine, "select from counter") == []


@pytest.mark.parametrize(
    ("verb", "parameters", "code", "sentence"),
    [
        ("zone/set-count", {**ZONE, "zone": "level-2", "count": 3}, Code.NOT_FOUND, "There is no zone central/level-2"),
        ("zone/set-count", {**ZONE, "count": 3}, Code.CONFLICT, "The zone central/level-1 is not counted"),
        ("zone/set-count", {**ZONE, "count": -1}, Code.INVALID, "Expected `int` >= 0"),
        ("counter/assign", {**ZONE, "dev_eui": COUNTER}, Code.CONFLICT, "The zone central/level-1 is not counted"),
        (
            "counter/unassign",
            {"dev_eui": COUNTER, "channel": 2},
            Code.NOT_FOUND,
            f"Channel 2 of {COUNTER} counts no zone",
        ),
    ],
)
async def test_what_cannot_be_is_refused(
    car_park: CarPark, ask: Ask, verb: str, parameters: dict[str, object], code: Code, sentence: str
) -> None:
    await car_park(1)
    outcome = await ask(verb, **parameters)
    assert isinstance(outcome, Refusal)
    assert outcome.code is code
    assert outcome.message.startswith(sentence)


async def test_what_cannot_be_of_a_counted_zone_is_refused(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    (watching,) = await car_park(1)
    await execute(engine, CAPACITY)
    refusals = [
        await ask("zone/set-count", **ZONE, count=41),
        await ask("counter/assign", **ZONE, dev_eui=COUNTER, codec="milesight_vs13"),
        await ask("counter/assign", **ZONE, dev_eui=watching),
        await ask("counter/unassign", dev_eui=COUNTER),
    ]
    beginnings = [
        "The zone holds 40 cars, so its count cannot be 41",
        "no codec is named milesight_vs13; did you mean milesight_vs13",
        f"{watching} watches the space central/level-1/A-1",
        f"{COUNTER} counts no zone: ",
    ]
    for refusal, beginning in zip(refusals, beginnings, strict=True):
        assert isinstance(refusal, Refusal)
        assert refusal.message.startswith(beginning)


async def counted_and_published(engine: AsyncEngine) -> None:
    """The zones `park`, counted and without spaces, and `level-1`. All that the register has is published."""
    await execute(engine, "insert into zone (site_id, name, capacity, count) select id, 'park', 40, 30 from site")
    await execute(engine, f"insert into device (dev_eui) values ('{COUNTER}')")
    counts = f"insert into counter (dev_eui, zone_id, direction) select '{COUNTER}', id, 'both' from zone where name = 'park'"
    await execute(engine, counts)
    for table in ("space", "zone", "site", "device"):
        await execute(engine, f"update {table} set published_version = version")


async def due_names(engine: AsyncEngine, table: str, column: str = "name") -> list[object]:
    query = f"select {column} from {table} where version <> published_version order by 1"
    return [name for (name,) in await rows(engine, query)]


async def test_a_removed_counted_zone_makes_its_site_and_its_counters_due(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    """Without spaces too: the cars of the zone are in the counts of the site."""
    await car_park(1)
    await counted_and_published(engine)
    assert isinstance(await ask("zone/remove", site="central", zone="park"), Answer)
    assert await due_names(engine, "site") == ["central"]
    assert await due_names(engine, "device", "dev_eui") == [COUNTER]
    assert await due_names(engine, "zone") == []


@pytest.mark.parametrize(
    ("verb", "place"), [("zone/rename", {"site": "central", "zone": "park"}), ("site/rename", {"site": "central"})]
)
async def test_a_counter_of_a_renamed_zone_or_site_is_due(
    car_park: CarPark, ask: Ask, engine: AsyncEngine, verb: str, place: dict[str, str]
) -> None:
    await car_park(1)
    await counted_and_published(engine)
    assert isinstance(await ask(verb, **place, name="garden"), Answer)
    assert COUNTER in await due_names(engine, "device", "dev_eui")


async def test_a_counter_of_another_zone_is_not_due_when_a_zone_is_renamed(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    (watching,) = await car_park(1)
    await counted_and_published(engine)
    assert isinstance(await ask("zone/rename", **ZONE, name="ground"), Answer)
    assert await due_names(engine, "device", "dev_eui") == [watching]


async def test_at_night_a_zone_begins_again_once(car_park: CarPark, ask: Ask, engine: AsyncEngine, pool: Pool) -> None:
    await car_park(1)
    await execute(engine, "update site set time_zone = 'Europe/Berlin'")
    await execute(engine, "update zone set capacity = 40, resets_at = '03:30'")
    await ask("zone/set-count", **ZONE, count=12)

    async def night(hours: float) -> bool:
        moment = Moment(now=NOON + hours * HOUR, listening_since=None, lost_after=HOUR)
        return (await counts.go(pool, moment)).has_new_counts

    assert not await night(13)
    assert await rows(engine, "select count from zone") == [(12,)]
    assert await night(15)
    assert not await night(15.1)
    # The night began again at 03:30 in Berlin, and counts from there, whenever that was looked at.
    assert await rows(engine, "select count, drift, counted_since from zone") == [(0, 0, NOON + 14.5 * HOUR)]


@pytest.mark.parametrize(
    ("verb", "place", "settings"),
    [
        ("zone/set", ZONE, {"resets_at": "11:30"}),
        ("zone/set", ZONE, {"resets_at": "05:30"}),
        ("site/set", {"site": "central"}, {"time_zone": "America/New_York"}),
    ],
)
async def test_a_time_that_was_past_when_it_was_set_empties_no_zone(  # noqa: PLR0913 - fixtures and cases
    car_park: CarPark, ask: Ask, engine: AsyncEngine, pool: Pool, *, verb: str, place: Setting, settings: Setting
) -> None:
    await car_park(1)
    await execute(engine, "update zone set capacity = 40, resets_at = '03:30'")
    await ask("zone/set-count", **ZONE, count=12, at=NOON - 48 * HOUR)
    moment = Moment(now=NOON, listening_since=None, lost_after=HOUR)
    assert (await counts.go(pool, moment)).has_new_counts
    await execute(engine, "update zone set count = 12")
    assert isinstance(await ask(verb, **place, settings=settings, at=NOON), Answer)
    later = msgspec.structs.replace(moment, now=NOON + 10 * SECOND)
    assert not (await counts.go(pool, later)).has_new_counts
    assert await rows(engine, "select count from zone") == [(12,)]
    tomorrow = msgspec.structs.replace(moment, now=NOON + 24 * HOUR)
    assert (await counts.go(pool, tomorrow)).has_new_counts
