"""Pages of the car park in the order of names, and pages of the past."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.counting import Total, Track, Tracks
from parking_gateway.core.overview import EndedStay, Position, WholeSpace
from parking_gateway.store import overview, stay_pages
from parking_gateway.store.overview import WantedDevices, WantedSpaces
from parking_gateway.store.pool import Pool
from parking_gateway.store.query import Query
from parking_gateway.store.stay_pages import WantedStays
from tests.plugins.car_park import CarPark

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TWO_SITES = (
    "insert into site (name, time_zone) values ('north', 'Europe/Berlin'), ('central', 'UTC')",
    "insert into zone (site_id, name) select site.id, one.name from site, (values ('b'), ('a'), ('empty')) one (name)",
    """
insert into space (zone_id, name, lat, lon, state, occupancy)
select zone.id, zone.name || n, 51 + n, 13, case when n = 2 then 'OCCUPIED' else 'FREE' end, case when n = 2 then 'occupied' end
from zone, generate_series(1, 3) n where zone.name <> 'empty'
""",
    "update space set lat = null, lon = null where name = 'b3'",
)
STAYS = """
insert into past_stay (space, arrived_at, departed_at, arrival, departure)
select id, timestamptz '2026-11-23 11:00Z', timestamptz '2026-11-23 12:00Z' + (row_number() over (order by id) / 2) * interval '1 min', 'a', 'd'
from space
"""


async def ask(pool: Pool, query: Query[Any]) -> Any:
    async with pool.connect() as connection:
        (answer,) = await connection.commit_together(query)
    return answer


async def execute(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


def names(one: WholeSpace) -> tuple[str, str, str]:
    return one.state.site, one.state.zone, one.state.space


async def test_pages_of_spaces_have_every_space_once_in_the_order_of_names(engine: AsyncEngine, pool: Pool) -> None:
    await execute(engine, *TWO_SITES)
    for limit in (1, 2, 3, 5, 100):
        found: list[tuple[str, str, str]] = []
        while page := await ask(pool, overview.spaces(WantedSpaces(), after=found[-1] if found else (), limit=limit)):
            assert len(page) <= limit
            found += map(names, page)
        assert found == [
            (site, zone, f"{zone}{n}") for site in ("central", "north") for zone in "ab" for n in (1, 2, 3)
        ]


WANTED_SPACES: tuple[tuple[WantedSpaces, list[str]], ...] = (
    (WantedSpaces(site="north", zone="a"), ["a1", "a2", "a3"]),
    (WantedSpaces(site="north", state="OCCUPIED"), ["a2", "b2"]),
    (WantedSpaces(site="north", with_position=True), ["a1", "a2", "a3", "b1", "b2"]),
    (WantedSpaces(site="nowhere"), []),
    (WantedSpaces(contact="live"), []),
    (WantedSpaces(audience="ev"), ["a1"]),
)


async def test_only_wanted_spaces_are_on_a_page(engine: AsyncEngine, pool: Pool) -> None:
    one = "select space.id from space join zone on zone.id = zone_id join site on site.id = site_id where site.name = 'north'"
    await execute(engine, *TWO_SITES, f"update space set audience = 'ev' where name = 'a1' and id in ({one})")
    for wanted, expected in WANTED_SPACES:
        found = await ask(pool, overview.spaces(wanted, after=(), limit=10))
        assert [one.state.space for one in found] == expected


async def test_a_space_is_shown_with_its_attributes_and_its_sensor(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    (dev_eui,) = await car_park(1)
    await execute(
        engine, "update space set lat = 51.5, lon = 13.25, purpose = 'visitors', max_stay = 60, tags = '{new}'"
    )
    (found,) = await ask(pool, overview.space_named("central", "level-1", "A-1"))
    assert names(found) == ("central", "level-1", "A-1")
    assert (found.position, found.purpose, found.max_stay) == (Position(51.5, 13.25), "visitors", 60)
    assert (found.tags, found.dev_eui) == (["new"], dev_eui)
    assert await ask(pool, overview.space_named("central", "level-1", "A-2")) == []


async def test_zones_and_sites_are_shown_with_their_numbers_and_the_middle_of_their_positions(
    engine: AsyncEngine, pool: Pool
) -> None:
    await execute(engine, *TWO_SITES)
    first = await ask(pool, overview.zones(limit=2))
    rest = await ask(pool, overview.zones(after=("central", "b"), limit=10))
    assert [(one.counts.site, one.counts.zone) for one in [*first, *rest]] == [
        (site, zone) for site in ("central", "north") for zone in ("a", "b", "empty")
    ]
    zone_a, zone_b = first
    empty = rest[0]
    assert (zone_a.counts.total, zone_a.counts.free, zone_a.position) == (3, 2, Position(53, 13))
    assert zone_b.position == Position(52.5, 13)
    assert (empty.counts.total, empty.position, empty.updated_at) == (0, None, None)
    sites = await ask(pool, overview.sites(limit=10))
    assert [(one.counts.site, one.counts.total, one.time_zone) for one in sites] == [
        ("central", 6, "UTC"),
        ("north", 6, "Europe/Berlin"),
    ]
    assert await ask(pool, overview.sites(after=("north",), limit=10)) == []
    await execute(engine, "update site set lat = 50, lon = 12 where name = 'central'")
    placed = await ask(pool, overview.zones(site="central", limit=10))
    assert [one.position for one in placed] == [Position(53, 13), Position(52.5, 13), Position(50, 12)]
    assert [one.position for one in await ask(pool, overview.sites(limit=10))] == [Position(50, 12), Position(52.8, 13)]
    (north,) = await ask(pool, overview.zones(site="north", zone="b", limit=10))
    assert (north.counts.site, north.counts.zone, north.time_zone) == ("north", "b", "Europe/Berlin")


COUNTED = (
    *TWO_SITES,
    """
insert into zone (site_id, name, capacity, count, counted_since)
select id, 'park', 40, 30, timestamptz '2026-11-23 11:00Z' from site where name = 'north'
""",
    "insert into device (dev_eui, contact) values ('24e124a84041000d', 'lost'), ('24e124a84041000e', 'lost')",
    """
insert into counter (dev_eui, zone_id, direction)
select device.dev_eui, zone.id, 'both' from device, zone where zone.name = 'park'
""",
    "update space set updated_at = timestamptz '2026-11-23 10:00Z'",
)


async def test_a_counted_zone_changes_with_its_count_and_is_silent_with_all_of_its_counters(
    engine: AsyncEngine, pool: Pool
) -> None:
    await execute(engine, *COUNTED)

    async def shown() -> list[tuple[datetime | None, int, int]]:
        """The zone, and the two sites."""
        (zone,) = await ask(pool, overview.zones(site="north", zone="park", limit=1))
        sites = await ask(pool, overview.sites(limit=10))
        return [(one.updated_at, one.counted, one.silent) for one in (zone, *sites)]

    hour = timedelta(hours=1)
    of_spaces = (NOON - 2 * hour, 0, 0)
    assert await shown() == [(NOON - hour, 40, 40), of_spaces, (NOON - hour, 40, 40)]
    total = Total(NOON, None, 2, 7)
    tracks = Tracks(left=Track(msgspec.structs.replace(total, heard_at=NOON - hour), total))
    as_text = msgspec.json.encode(tracks).decode().replace(":", r"\:")  # a colon begins a parameter of SQLAlchemy
    await execute(
        engine,
        f"update counter set tracks = '{as_text}' where dev_eui like '%d'",
        "update device set contact = 'live' where dev_eui like '%e'",
    )
    assert await shown() == [(NOON, 40, 0), of_spaces, (NOON, 40, 0)]


WANTED_DEVICES: tuple[tuple[WantedDevices, list[int]], ...] = (
    (WantedDevices(), [1, 2, 3]),
    (WantedDevices(problem="silent"), [2]),
    (WantedDevices(has_problem=True), [2]),
    (WantedDevices(has_problem=False), [1, 3]),
    (WantedDevices(contact="live"), [3]),
    (WantedDevices(site="central", zone="level-1"), [1, 2]),
    (WantedDevices(site="north"), []),
)


async def test_only_wanted_devices_are_on_a_page(engine: AsyncEngine, pool: Pool, car_park: CarPark) -> None:
    devices = await car_park(3)
    await execute(
        engine,
        f"update device set problems = '{{silent}}' where dev_eui = '{devices[1]}'",
        f"update device set contact = 'live' where dev_eui = '{devices[2]}'",
        f"delete from installation where dev_eui = '{devices[2]}'",
    )
    for wanted, expected in WANTED_DEVICES:
        found = await ask(pool, overview.devices(wanted, after=None, limit=10))
        assert [one.key for one in found] == [devices[number - 1] for number in expected]
        behind = await ask(pool, overview.devices(wanted, after=devices[0], limit=10))
        assert [one.key for one in behind] == [devices[number - 1] for number in expected if number > 1]
    (last,) = await ask(pool, overview.device_with(devices[2]))
    assert last.key == devices[2]


async def test_pages_of_stays_have_every_stay_once_in_the_order_of_their_ends(engine: AsyncEngine, pool: Pool) -> None:
    """Two stays end at the same time each, so that the time alone is no place."""
    await execute(engine, *TWO_SITES, STAYS)
    found: list[EndedStay] = []
    since, behind = NOON, -1
    while page := await ask(
        pool,
        stay_pages.stays(WantedStays(), since=since, after_id=behind, until=NOON + timedelta(hours=1), limit=3),
    ):
        found += page
        since, behind = page[-1].departed_at, page[-1].id
    assert len({one.id for one in found}) == len(found) == 12
    assert found == sorted(found, key=lambda one: (one.departed_at, one.id))


WANTED_STAYS = (
    (WantedStays(site="north"), 6),
    (WantedStays(site="north", zone="b"), 3),
    (WantedStays(site="north", zone="b", space="b3"), 1),
    (WantedStays(space="b3"), 2),
    (WantedStays(site="north", zone="b", space="former"), 0),
)


async def test_stays_are_found_by_the_names_of_their_time(engine: AsyncEngine, pool: Pool) -> None:
    await execute(engine, *TWO_SITES, STAYS)
    renamed = """
insert into former_name (space, until, since, site, zone, name)
select space.id, timestamptz '2026-11-23 10:00Z', '-infinity', 'north', 'b', 'former' from space where name = 'b3'
"""
    await execute(engine, renamed)
    for wanted, expected in WANTED_STAYS:
        query = stay_pages.stays(wanted, since=NOON, until=NOON + timedelta(hours=1), limit=10)
        assert len(await ask(pool, query)) == expected


async def test_cars_that_came_and_left_are_found_the_newest_first(engine: AsyncEngine, pool: Pool) -> None:
    present = "update space set arrived_at = timestamptz '2026-11-23 12:30Z' where name = 'b2'"
    await execute(engine, *TWO_SITES, STAYS, present)
    found = await ask(pool, stay_pages.passages(since=NOON, until=NOON + timedelta(hours=1), site="north"))
    assert (found[0].kind, found[0].space) == ("arrival", "b2"), "its car is still there"
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert {one.space for one in found} == {"a1", "a2", "a3", "b1", "b2"}, "b3 has no position"
    came = await ask(pool, stay_pages.passages(since=NOON - timedelta(hours=1), until=NOON))
    assert {one.kind for one in came} == {"arrival"}
    assert len(came) == 10


MANY = (
    "insert into site (name) values ('large')",
    "insert into zone (site_id, name) select id, 'zone ' || n from site, generate_series(1, 200) n",
    "insert into space (zone_id, name, state) select zone.id, 'A-' || lpad(n::text, 5, '0'), 'FREE' from zone, generate_series(1, 100) n",
    "insert into device (dev_eui) select 'a8404100' || lpad(to_hex(n), 8, '0') from generate_series(1, 20000) n",
    "analyze",
)
"""Few enough for a test; 100,000 were tried by hand."""


def _read_of(plan: dict[str, Any], table: str) -> int:
    """The rows of a table that the plan has read."""
    own = plan["Actual Rows"] * plan["Actual Loops"] if plan.get("Relation Name") == table else 0
    filtered = plan.get("Rows Removed by Filter", 0) * plan["Actual Loops"] if plan.get("Relation Name") == table else 0
    return int(own + filtered + sum(_read_of(one, table) for one in plan.get("Plans", ())))


PAGES: tuple[tuple[Query[Any], str], ...] = (
    (overview.spaces(WantedSpaces(), after=(), limit=100), "space"),
    (overview.spaces(WantedSpaces(), after=("large", "zone 7", "A-00090"), limit=100), "space"),
    (overview.spaces(WantedSpaces(site="large", zone="zone 9"), after=(), limit=100), "space"),
    (overview.space_named("large", "zone 9", "A-00090"), "space"),
    (overview.devices(WantedDevices(), after="a841", limit=100), "device"),
    (overview.devices(WantedDevices(), after=None, limit=100), "device"),
)


def _in_sql(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


async def test_a_page_reads_about_as_many_rows_as_it_has(engine: AsyncEngine) -> None:
    await execute(engine, *MANY)
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        cursor = driver.cursor()
        for (query, table), setting in product(PAGES, ("force_generic_plan", "force_custom_plan")):
            values = ", ".join(map(_in_sql, query.statement.values(query.arguments)))
            await cursor.execute(f"set plan_cache_mode = {setting}")
            await cursor.execute("deallocate all")
            await cursor.execute(f"prepare page as {query.statement.text}".encode())
            await cursor.execute(f"explain (analyze, format json) execute page ({values})".encode())
            (((tree,),),) = await cursor.fetchall()
            # Each row is read by its name and by its id, and some of the next zone are read ahead.
            assert _read_of(tree["Plan"], table) <= 500, (setting, query.arguments)
