"""Imports: spaces and installations are added once, are due, and get the recorded uplinks of their devices."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.due import DueCounts, DueDevice, DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.intake.decide import Decision, decide
from parking_gateway.intake.read import read
from parking_gateway.intake.record import additions, lock_spaces_of, snapshots_of, statements
from parking_gateway.register import registering
from parking_gateway.register.entries import Assignment, Entry, Mistake, Place
from parking_gateway.register.equipment import listed
from parking_gateway.register.outcome import Counts, Move, Registered, Removal
from parking_gateway.register.present import registered
from parking_gateway.register.registering import register
from parking_gateway.register.replay.turns import Replayed
from parking_gateway.store import confirmations, fleet
from parking_gateway.store.pipeline import PipelinedConnection
from tests.due import due_in
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up

BOSCH = "bosch_tps110_v029"
ONE, TWO, THREE = (DevEui(dev_eui_of(number)) for number in (1, 2, 3))


def place(name: str, zone: str = "level-1") -> Place:
    return Place("central", zone, name)


def entry(name: str, device: DevEui | None = None, *, codec: str | None = BOSCH, **options: str) -> Entry:
    """The space of that name, with that device."""
    installed = Assignment(dev_eui=device, codec=codec, options=options) if device else None
    return Entry(place=place(name), assignment=installed, where=f"line {name}")


async def tried(
    connection: AsyncConnection, *entries: Entry, decoder: Decoder | None = None
) -> Registered | list[Mistake]:
    return await register(PipelinedConnection(connection), entries, decoder=decoder or Decoder(), now=datetime.now(UTC))


async def kept(engine: AsyncEngine, *entries: Entry, decoder: Decoder | None = None) -> Registered:
    """Register the entries and commit."""
    async with engine.begin() as connection:
        outcome = await tried(connection, *entries, decoder=decoder)
    assert isinstance(outcome, Registered)
    return outcome


async def recorded_by(connection: AsyncConnection, *batch: Message) -> Decision:
    """Record uplinks, up to the commit."""
    if not connection.in_transaction():
        await connection.begin()
    limits = chirpstack.Limits(payload_bytes=65_536, depth=32)
    found = read(batch, received_at=datetime.now(UTC), limits=limits)
    ours = PipelinedConnection(connection)
    new, locked = await lock_spaces_of(ours, found)
    snapshots = await snapshots_of(ours, new, locked)
    decision = decide(found, new, locked, decoder=Decoder())
    changes = statements(found, decision, locked, snapshots, rejected=(), announce_every=timedelta(hours=1))
    await ours.together(*additions(decision, {}), *changes)
    return decision


async def recorded(engine: AsyncEngine, *batch: Message) -> None:
    """Record uplinks as the gateway does."""
    async with engine.begin() as connection:
        await recorded_by(connection, *batch)


def sent(device: DevEui, *statuses: bytes, at: float = 0) -> list[Message]:
    """Uplinks of a device, one a minute."""
    return [message(device, up(device, status, at=at + number, f_cnt=number)) for number, status in enumerate(statuses)]


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


INSTALLED = """
    select space.name, dev_eui, codec, options from space left join installation on space_id = space.id order by 1
"""


# What is made known


async def test_an_imported_register_is_due(engine: AsyncEngine) -> None:
    outcome = await kept(engine, entry("A", ONE), entry("B", TWO, codec=None), entry("C"))
    assert outcome.spaces == Counts(created=3, changed=0, unchanged=0)
    assert outcome.installations == Counts(created=2, changed=0, unchanged=0)
    assert outcome.remarks == Counter({"never heard": 2})
    expected = {DueKind.SPACE: 3, DueKind.ZONE: 1, DueKind.SITE: 1, DueKind.DEVICE: 2}
    assert await rows(engine, INSTALLED) == [("A", ONE, BOSCH, {}), ("B", TWO, None, {}), ("C", None, None, None)]
    async with engine.connect() as connection:
        counts = {kind: len(await due_in(PipelinedConnection(connection), kind)) for kind in expected}
    assert counts == expected


async def test_the_planner_learns_of_many_sensors_at_once_and_one_more_has_no_table_read(engine: AsyncEngine) -> None:
    known = "select reltuples from pg_class where relname = 'installation'"
    await kept(engine, *(entry(f"A-{number}", DevEui(dev_eui_of(number))) for number in range(100)))
    assert await rows(engine, known) == [(100,)]
    await kept(engine, entry("A-100", DevEui(dev_eui_of(100))))
    assert await rows(engine, known) == [(100,)]


async def test_the_second_time_nothing_changes(engine: AsyncEngine) -> None:
    """Not even a version: nothing is published again."""
    entries = [entry("A", ONE, codec="milesight_em310_udl", occupied_below_mm="400"), entry("B", TWO), entry("C")]
    await kept(engine, *entries)
    everything = "select (select sum(version) from space), (select sum(version) from device), (select sum(xmin::text::int) from installation)"
    before = await rows(engine, everything)
    outcome = await kept(engine, *entries)
    assert outcome.spaces == Counts(created=0, changed=0, unchanged=3)
    assert outcome.installations == Counts(created=0, changed=0, unchanged=2)
    assert await rows(engine, everything) == before


async def test_the_register_reads_back_as_it_was_written(engine: AsyncEngine) -> None:
    entries = [entry("A", ONE, firmware="v029", codec="bosch_tps110"), entry("B", TWO, codec=None), entry("C")]
    await kept(engine, *entries)
    async with engine.connect() as connection:
        found = await registered(PipelinedConnection(connection))
    assert [(one.place, one.assignment) for one in found] == [(one.place, one.assignment) for one in entries]


async def test_new_spaces_are_counted_in_their_old_zone(engine: AsyncEngine) -> None:
    """Their publication makes the zone and the site due again."""

    async def publish_everything() -> list[int]:
        totals = []
        for kind in DueKind:
            async with engine.begin() as connection:
                found = await due_in(PipelinedConnection(connection), kind)
                totals += [one.total for one in found if isinstance(one, DueCounts)]
                recounts = confirmations.recount([one.key for one in found]) if kind is DueKind.SPACE else []
                await PipelinedConnection(connection).together(confirmations.confirm(kind, found), *recounts)
        return totals

    await kept(engine, entry("A"))
    assert await publish_everything() == [1, 1]
    assert await publish_everything() == []
    await kept(engine, entry("B"))
    assert await publish_everything() == [2, 2]


async def test_a_line_without_a_device_leaves_the_device_that_is_there(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    assert (await kept(engine, entry("A"))).spaces == Counts(created=0, changed=0, unchanged=1)
    assert await rows(engine, INSTALLED) == [("A", ONE, BOSCH, {})]


# Devices that move


async def test_a_device_that_is_named_elsewhere_moves(engine: AsyncEngine) -> None:
    """Its topic names its space, so it is due again."""
    await kept(engine, entry("A", ONE), entry("B"))
    outcome = await kept(engine, entry("B", ONE))
    assert outcome.moved == [Move(dev_eui=ONE, before="central/level-1/A", after="central/level-1/B")]
    assert outcome.spaces == Counts(created=0, changed=1, unchanged=0)
    assert await rows(engine, INSTALLED) == [("A", None, None, None), ("B", ONE, BOSCH, {})]
    async with engine.connect() as connection:
        (moved,) = await due_in(PipelinedConnection(connection), DueKind.DEVICE)
    assert isinstance(moved, DueDevice)
    assert (moved.version, moved.space) == (2, "B")


async def test_two_devices_can_swap_their_spaces(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE), entry("B", TWO))
    outcome = await kept(engine, entry("A", TWO), entry("B", ONE))
    assert (len(outcome.moved), outcome.removed) == (2, [])
    assert await rows(engine, INSTALLED) == [("A", TWO, BOSCH, {}), ("B", ONE, BOSCH, {})]


async def test_a_space_gets_another_device_and_the_old_one_is_unassigned(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    outcome = await kept(engine, entry("A", TWO))
    assert outcome.removed == [Removal(dev_eui=ONE, space="central/level-1/A", replaced_by=TWO)]
    assert await rows(engine, INSTALLED) == [("A", TWO, BOSCH, {})]
    assert await rows(engine, "select dev_eui, version from device order by 1") == [(ONE, 2), (TWO, 1)]


# What was said before


async def test_a_device_that_is_installed_late_has_lost_nothing(engine: AsyncEngine) -> None:
    """Rule 11: the space, its log and the device are as if it had been installed all the time."""
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED, VACANT, OCCUPIED))
    outcome = await kept(engine, entry("A", ONE))
    assert outcome.replayed == Replayed(uplinks=4, transitions=3, unreadable=0)
    since = NOON + timedelta(minutes=3)
    assert await rows(engine, "select state, since, previous, occupancy, contact, heard_at from space") == [
        ("OCCUPIED", since, "FREE", "occupied", "live", since)
    ]
    assert await rows(engine, 'select "from", "to", at from transition order by id') == [
        ("FREE", "OCCUPIED", NOON + timedelta(minutes=1)),
        ("OCCUPIED", "FREE", NOON + timedelta(minutes=2)),
        ("FREE", "OCCUPIED", since),
    ]
    assert await rows(engine, "select codec from device") == [(BOSCH,)]


_SPACE = """
    select space.name, state, case when previous is not null then since end, previous, cause, occupancy, seen_at, seen_f_cnt, contact, heard_at, battery_percent,
           battery_at, space.version
    from space order by 1
"""
_LOG = 'select name, "from", "to", at, transition.cause from transition join space on space.id = space order by name, transition.id'
frames = st.lists(
    st.tuples(
        st.sampled_from([ONE, TWO]),
        st.sampled_from([(1, OCCUPIED), (1, VACANT), (0, b""), (9, b"?"), (2, b"\x01\x15")]),
        st.integers(0, 10),
        st.integers(0, 3),
    ),
    max_size=12,
    unique_by=lambda frame: (frame[0], frame[2], frame[3]),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=frames)
async def test_installed_before_or_after_is_the_same(engine: AsyncEngine, frames: list[Any]) -> None:
    """A replay ends in the same spaces and the same log as live uplinks."""
    live = [
        message(device, up(device, data, at=minute, f_cnt=f_cnt, f_port=port))
        for device, (port, data), minute, f_cnt in sorted(frames, key=lambda frame: frame[2:])
    ]
    entries = [entry("A", ONE), entry("B", TWO)]

    async def picture(connection: AsyncConnection) -> list[Any]:
        return [(await connection.execute(sa.text(query))).all() for query in (_SPACE, _LOG)]

    async with engine.connect() as connection:
        await tried(connection, *entries)
        await recorded_by(connection, *live)
        installed_before = await picture(connection)
        await connection.rollback()
        await recorded_by(connection, *live)
        await tried(connection, *entries)
        installed_after = await picture(connection)
        await connection.rollback()
    assert installed_after == installed_before


async def test_unreadable_frames_are_counted_and_the_others_replayed(engine: AsyncEngine) -> None:
    await recorded(engine, *sent(ONE, OCCUPIED, b"not a frame of this device"))
    assert (await kept(engine, entry("A", ONE))).replayed == Replayed(uplinks=2, transitions=1, unreadable=1)
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


async def test_a_right_codec_reads_again_what_a_wrong_one_could_not(engine: AsyncEngine) -> None:
    """Another codec or option reads the recorded uplinks too. The present state of the space stays."""
    await kept(engine, entry("A", ONE, codec="milesight_em310_udl"))
    await recorded(engine, *sent(ONE, OCCUPIED))
    assert await rows(engine, "select state, contact, occupancy from space") == [("FREE", "live", None)]
    outcome = await kept(engine, entry("A", ONE))
    assert outcome.installations == Counts(created=0, changed=1, unchanged=0)
    assert await rows(engine, "select state, contact from space") == [("OCCUPIED", "live")]


async def test_a_moved_device_brings_only_its_last_occupancy_to_its_new_space(engine: AsyncEngine) -> None:
    """Its earlier uplinks belong to the other space."""
    await kept(engine, entry("A", ONE), entry("B"))
    await recorded(engine, *sent(ONE, OCCUPIED, VACANT, OCCUPIED), message(ONE, up(ONE, b"", at=9, f_port=0)))
    outcome = await kept(engine, entry("B", ONE))
    assert outcome.replayed.transitions == 1
    assert await rows(engine, "select name, state, since, heard_at from space where name = 'B'") == [
        ("B", "OCCUPIED", NOON + timedelta(minutes=2), NOON + timedelta(minutes=9))
    ]


async def test_only_the_latest_uplinks_are_replayed(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "REPLAYED_OF_ONE", 2)
    await recorded(engine, *sent(ONE, VACANT, VACANT, OCCUPIED, VACANT), *sent(TWO, OCCUPIED))
    outcome = await kept(engine, entry("A", ONE), entry("B", TWO))
    assert outcome.replayed == Replayed(uplinks=3, transitions=3, unreadable=0)


async def test_many_devices_share_the_limit_and_are_replayed_page_by_page(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "REPLAYED_OF_ALL", 3)
    monkeypatch.setattr(registering, "PAGE", 2)
    for device in (ONE, TWO, THREE):
        await recorded(engine, *sent(device, VACANT, OCCUPIED, VACANT, OCCUPIED))
    outcome = await kept(engine, entry("A", ONE), entry("B", TWO), entry("C", THREE))
    assert outcome.replayed == Replayed(uplinks=6, transitions=3, unreadable=0)
    assert await rows(engine, "select distinct state from space") == [("OCCUPIED",)]


async def test_a_battery_that_was_reported_before_is_kept_on_the_device(engine: AsyncEngine) -> None:
    await recorded(engine, message(ONE, up(ONE, bytes.fromhex("01755a0382e803"), f_port=85)))
    await kept(engine, entry("A", ONE, codec="milesight_em310_udl", occupied_below_mm="2000"))
    assert await rows(engine, "select state, space.battery_percent, device.battery_percent from space, device") == [
        ("OCCUPIED", 90, 90)
    ]


# What only the database knows


async def test_options_are_checked_with_the_codec_that_the_profile_names(engine: AsyncEngine) -> None:
    """Such an import keeps nothing. A device that was never heard is checked only if its line names a codec."""
    decoder = Decoder(profiles={"Parking sensor": Choice(codec="milesight_em310_udl")})
    await recorded(engine, *sent(ONE, OCCUPIED))
    async with engine.connect() as connection:
        outcome = await tried(
            connection,
            entry("A", ONE, codec=None, occupied="1"),
            entry("B", TWO, codec=None, occupied="1"),
            decoder=decoder,
        )
        await connection.commit()
    assert isinstance(outcome, list)
    assert [one.where for one in outcome] == ["line A"]
    assert "milesight_em310_udl has no option occupied" in outcome[0].what
    assert await rows(engine, "select count(*) from space") == [(0,)]
    fitting = await kept(engine, entry("A", ONE, codec=None, occupied_below_mm="1"), decoder=decoder)
    assert fitting.remarks == Counter()


async def test_a_summary_names_devices_without_occupancy(engine: AsyncEngine) -> None:
    await recorded(engine, *sent(ONE, OCCUPIED), *sent(TWO, OCCUPIED))
    outcome = await kept(
        engine, entry("A", ONE, codec=None), entry("B", TWO, codec="milesight_em310_udl"), entry("C", THREE)
    )
    assert sorted(remark.split(":")[0] for remark in outcome.remarks) == ["never heard", "no codec", "no occupancy"]


async def test_devices_are_listed_with_their_installations(engine: AsyncEngine) -> None:
    """Those without a space come first."""
    await recorded(engine, *sent(TWO, OCCUPIED))
    await kept(engine, entry("A", ONE))
    async with engine.connect() as connection:
        found = (await PipelinedConnection(connection).together(fleet.listed()))[0]
    assert [(one.identity.dev_eui, one.identity.profile, one.space) for one in found] == [
        (TWO, "Parking sensor", None),
        (ONE, "", "A"),
    ]


async def test_an_indicator_is_listed_as_assigned(engine: AsyncEngine) -> None:
    """It shows places, and is behind the devices that are unassigned."""
    await recorded(engine, *sent(ONE, OCCUPIED), *sent(TWO, OCCUPIED))
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"insert into indicator (dev_eui, model) values ('{ONE}', 'busylight')"))
    async with engine.connect() as connection:
        found = (await PipelinedConnection(connection).together(fleet.listed()))[0]
    shown = [listed(one, Decoder()) for one in found]
    assert [(one.dev_eui, one.assigned, one.note) for one in shown] == [
        (TWO, False, "unassigned"),
        (ONE, True, "shows places"),
    ]


# Together with gateways


async def _until_somebody_waits(engine: AsyncEngine) -> None:
    """Until a statement of this database waits for a lock."""
    async with engine.connect() as connection:
        while not await connection.scalar(sa.text("select count(*) from pg_locks where not granted")):
            continue


async def test_an_uplink_in_flight_is_replayed_to_the_space(engine: AsyncEngine) -> None:
    """It was recorded as unassigned and not committed. The import waits for it, and replays it."""
    async with engine.connect() as gateway:
        await recorded_by(gateway, *sent(ONE, OCCUPIED))
        registering_ = asyncio.create_task(kept(engine, entry("A", ONE)))
        await _until_somebody_waits(engine)
        await gateway.commit()
    assert (await registering_).replayed == Replayed(uplinks=1, transitions=1, unreadable=0)
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


async def test_an_uplink_that_comes_meanwhile_finds_its_installation(engine: AsyncEngine) -> None:
    """It waits for the import, and changes the space like any other."""
    async with engine.connect() as operator:
        await tried(operator, entry("A", ONE))
        gateway = asyncio.create_task(recorded(engine, *sent(ONE, OCCUPIED)))
        await _until_somebody_waits(engine)
        await PipelinedConnection(operator).commit_together()
    await gateway
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


async def test_an_import_that_changes_nothing_lets_uplinks_go_on(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    async with engine.connect() as operator:
        await tried(operator, entry("A", ONE), entry("B"))
        await asyncio.wait_for(recorded(engine, *sent(ONE, OCCUPIED)), timeout=10)
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


async def test_two_imports_at_once_take_turns(engine: AsyncEngine) -> None:
    """The same spaces in two orders: no deadlock, and each space once."""
    entries = [entry(f"A-{number}", DevEui(dev_eui_of(number))) for number in range(50)]
    outcomes = await asyncio.gather(kept(engine, *entries), kept(engine, *reversed(entries)))
    assert sorted(outcome.spaces.created for outcome in outcomes) == [0, 50]
    assert await rows(engine, "select count(*) from installation") == [(50,)]
