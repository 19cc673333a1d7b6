"""The register changes: spaces are described, renamed and removed, sensors leave their spaces, and the history stays."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.clock import overstays, silence
from parking_gateway.clock.moment import Moment
from parking_gateway.core.audience import Audience
from parking_gateway.core.due import DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.core.stay_limit import StayLimit
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.entries import Assignment, Entry, Place, Sheet
from parking_gateway.register.outcome import Counts
from parking_gateway.register.present import registered, registered_settings
from parking_gateway.register.registering import Entered, enter
from parking_gateway.register.settings import Setting
from parking_gateway.store import confirmations
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests.due import due_in
from tests.events import OCCUPIED, VACANT
from tests.register.test_registering import BOSCH, INSTALLED, ONE, TWO, entry, kept, recorded, rows, sent
from tests.requests.conftest import Ask, ask

__all__ = ["ask"]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


async def entered(
    engine: AsyncEngine, *entries: Entry, settings: Sequence[Setting] = (), prune: bool = False
) -> Entered:
    """Enter a sheet and commit."""
    sheet = Sheet(entries=entries, settings=tuple(settings))
    async with engine.begin() as connection:
        made = await enter(PipelinedConnection(connection), sheet, decoder=Decoder(), now=NOW, prune=prune)
    assert isinstance(made, Entered)
    return made


def described(name: str, **attributes: Any) -> Entry:
    return Entry(place=Place("central", "level-1", name), attributes=attributes)


OUTGOING = "select body ->> 'kind', body ->> 'names' from outgoing where body ->> 'type' = 'clearing' and retry_at is null order by id"


# --- attributes and settings


async def test_attributes_are_written_once_and_make_the_space_due(engine: AsyncEngine) -> None:
    first = described("A", audience=Audience.EV, tags=["roof", "wide"], lat=48.5, lon=11.25, max_stay=7200)
    assert (await entered(engine, first, described("B"))).outcome.spaces == Counts(created=2, changed=0, unchanged=0)
    assert (await entered(engine, first)).outcome.spaces == Counts(created=0, changed=0, unchanged=1)
    second = await entered(engine, described("A", audience=None, purpose="short-stay"))
    assert second.outcome.spaces == Counts(created=0, changed=1, unchanged=0)
    ((key,),) = await rows(engine, "select id from space where name = 'A'")
    assert second.committed.changed == [key]
    assert await rows(
        engine, "select audience, purpose, lat, lon, max_stay, tags, version from space order by name"
    ) == [
        (None, "short-stay", 48.5, 11.25, 7200, ["roof", "wide"], 3),
        (None, None, None, None, None, [], 1),
    ]


async def test_settings_are_written_once_and_a_zone_without_spaces_exists(engine: AsyncEngine) -> None:
    limit = StayLimit(seconds=3600, audience=Audience.EV)
    given = [
        Setting(site="central", values={"time_zone": "Europe/Berlin", "lat": 52.5, "lon": 13.25}),
        Setting(site="central", zone="ramp", values={"max_stay": 7200, "stay_limits": [limit]}),
        Setting(site="north", values={"time_zone": "UTC"}),
    ]
    assert (await entered(engine, entry("A"), settings=given)).outcome.settings == 2
    assert (await entered(engine, settings=given)).outcome.settings == 0
    async with engine.connect() as connection:
        found = await registered_settings(PipelinedConnection(connection))
    assert [(one.site, one.zone, one.values) for one in found] == [
        ("central", None, {"time_zone": "Europe/Berlin", "lat": 52.5, "lon": 13.25}),
        ("central", "ramp", {"max_stay": 7200, "stay_limits": [limit]}),
    ]


# --- sensors that leave their spaces


async def test_a_space_that_a_sensor_has_left_is_not_live(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE), entry("B"))
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED))
    made = await entered(engine, entry("B", ONE))
    assert await rows(engine, "select name, state, occupancy, contact from space order by name") == [
        ("A", "FREE", None, "never"),
        ("B", "OCCUPIED", "occupied", "live"),
    ]
    assert [one.cause for one in made.committed.steps][:1] == ["sensor removed by import"]


async def test_a_space_that_gets_another_sensor_keeps_its_state(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED))
    await entered(engine, entry("A", TWO))
    assert await rows(engine, "select state, contact from space") == [("OCCUPIED", "live")]


def unspoken(name: str, device: DevEui, *given: str, **fields: Any) -> Entry:
    """A line without some columns."""
    unsaid = frozenset(("codec", "options", "lost_after")) - {*given}
    return Entry(place=Place("central", "level-1", name), assignment=Assignment(dev_eui=device, kept=unsaid, **fields))


async def test_a_move_keeps_codec_options_and_limit_unless_told_otherwise(engine: AsyncEngine) -> None:
    first = Assignment(dev_eui=ONE, codec="milesight_em310_udl", options={"occupied_below_mm": "400"}, lost_after=60)
    await entered(engine, Entry(place=Place("central", "level-1", "A"), assignment=first), entry("B"))
    await entered(engine, unspoken("B", ONE))
    async with engine.connect() as connection:
        found = await registered(PipelinedConnection(connection))
    assert [one.assignment for one in found] == [None, first]
    await entered(engine, unspoken("A", ONE, "options", options={"occupied_below_mm": "500"}))
    assert (await rows(engine, INSTALLED))[0] == ("A", ONE, "milesight_em310_udl", {"occupied_below_mm": "500"})
    await entered(engine, unspoken("A", ONE, "codec", codec=BOSCH))
    assert (await rows(engine, INSTALLED))[0] == ("A", ONE, BOSCH, {})


# --- spaces that a file does not name


async def test_a_pruning_import_removes_what_the_file_does_not_name(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE), entry("B", TWO), entry("C"))
    other = Entry(place=Place("north", "roof", "1"))
    await entered(engine, other, settings=[Setting(site="central", zone="ramp", values={"max_stay": 60})])
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED))
    made = await entered(engine, entry("B", ONE), prune=True)
    removed = made.outcome.pruned
    assert (removed.spaces, removed.zones, removed.sites) == (
        ["central/level-1/A", "central/level-1/C", "north/roof/1"],
        ["north/roof"],
        ["north"],
    )
    assert removed.unassigned == []
    assert [one.dev_eui for one in made.outcome.removed] == [TWO]
    assert await rows(
        engine,
        "select site.name, zone.name, space.name from site left join zone on site_id = site.id left join space on zone_id = zone.id order by 2",
    ) == [
        ("central", "level-1", "B"),
        ("central", "ramp", None),
    ]
    assert await rows(engine, OUTGOING) == [
        (DueKind.SPACE, '["central", "level-1", "A"]'.replace(", ", ",")),
        (DueKind.SPACE, '["central","level-1","C"]'),
        (DueKind.SPACE, '["north","roof","1"]'),
        (DueKind.ZONE, '["north","roof"]'),
        (DueKind.SITE, '["north"]'),
    ]


async def test_the_history_of_a_removed_space_has_its_names(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE), entry("B"))
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED))
    await entered(engine, entry("B"), prune=True)
    history = """
        select site, zone, name, "from", "to", cause
        from transition join space_name on space_name.space = transition.space and since <= at and at < until
        order by id
    """
    steps = await rows(engine, history)
    assert [step[:5] for step in steps] == [
        ("central", "level-1", "A", "FREE", "OCCUPIED"),
        ("central", "level-1", "A", "OCCUPIED", "FREE"),
    ]
    assert steps[1][5] == "sensor removed by import"


@pytest.mark.parametrize("is_named", [True, False])
async def test_removals_and_uplinks_do_not_wait_for_each_other_forever(engine: AsyncEngine, *, is_named: bool) -> None:
    """Neither is lost: an uplink of a removed space is recorded as one of an unassigned device."""
    devices = [DevEui(f"70b3d57ed00000{number:02x}") for number in range(1, 9)]
    await kept(engine, *(entry(f"A{number}", device) for number, device in enumerate(devices)))
    kept_entries = [entry("A0", devices[0])] if is_named else [entry("Z")]
    uplinks = [recorded(engine, *sent(device, VACANT, OCCUPIED, at=10)) for device in devices]
    async with asyncio.timeout(30):
        await asyncio.gather(*uplinks[:4], entered(engine, *kept_entries, prune=True), *uplinks[4:])
    assert await rows(engine, "select count(*) from uplink") == [(16,)]
    assert await rows(engine, "select count(*) from space") == [(1,)]


async def test_whoever_locks_spaces_zones_and_devices_locks_them_in_one_order(  # noqa: C901 - five at once
    engine: AsyncEngine, pool: Pool, ask: Ask
) -> None:
    """A deadlock is an error of the database, which fails this test. Removals, uplinks, rounds and the outbox go at once."""
    devices = [DevEui(f"70b3d57ed00000{number:02x}") for number in range(1, 7)]
    entries = [entry(f"A{number}", device) for number, device in enumerate(devices)]
    await kept(engine, *entries)
    place = {"site": "central", "zone": "level-1"}

    async def drive() -> None:
        for minute in range(4):
            for device in devices:
                await recorded(engine, *sent(device, VACANT, OCCUPIED, at=10 * minute))

    async def go_round() -> None:
        moment = Moment(now=datetime.now(UTC), listening_since=NOW - timedelta(days=9), lost_after=timedelta(hours=1))
        for _ in range(4):
            await silence.go(pool, moment)
            await overstays.go(pool, moment)

    async def publish() -> None:
        for _ in range(4):
            for kind in DueKind:
                async with pool.connect() as connection:
                    found = await due_in(connection, kind)
                    recounts = confirmations.recount([one.key for one in found]) if kind is DueKind.SPACE else []
                    await connection.commit_together(confirmations.confirm(kind, found), *recounts)

    async def change() -> None:
        for number in range(2):
            await ask("zone/rename", **place, name="other")
            await ask("site/rename", site="central", name="main")
            await ask("site/rename", site="main", name="central")
            await ask("zone/rename", site="central", zone="other", name="level-1")
            await ask("device/unassign", dev_eui=devices[number])
            await ask("space/remove", **place, space=f"A{5 - number}")
            await ask("zone/set", **place, settings={"max_stay": 60 + number})

    async def bring_in() -> None:
        for number in range(4):
            await entered(
                engine, *entries[: 3 + number % 3], described("B", purpose=f"p{number}"), prune=number % 2 == 0
            )

    async with asyncio.timeout(60):
        await asyncio.gather(drive(), go_round(), publish(), change(), bring_in())
    assert await rows(engine, "select count(*) from uplink") == [(4 * 2 * len(devices),)]
    assert await rows(
        engine, "select count(*) from space join zone on zone.id = zone_id where zone.name = 'level-1'"
    ) != [(0,)]
