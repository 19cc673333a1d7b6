"""Spaces with several sensors: in files, in the database, and when one of the sensors goes."""

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.sensor import SensorRule
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import csv_files, files
from parking_gateway.register.entries import Assignment, Entry
from parking_gateway.register.present import registered
from parking_gateway.register.remarks import NEVER_HEARD, NO_THRESHOLDS
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests.clock.test_history import correct
from tests.events import NOON, OCCUPIED, VACANT, message, up
from tests.register.test_registering import ONE, THREE, TWO, entry, kept, place, recorded, rows, sent

STATE = "select state, occupancy, contact, sensors is not null from space order by name"


async def test_two_lines_for_one_space_are_two_sensors(engine: AsyncEngine) -> None:
    outcome = await kept(engine, entry("A", ONE), entry("A", TWO))
    assert (outcome.spaces.created, outcome.installations.created, outcome.removed) == (1, 2, [])
    await recorded(engine, message(ONE, up(ONE, OCCUPIED, at=1)), message(TWO, up(TWO, VACANT, at=2)))
    assert await rows(engine, STATE) == [("OCCUPIED", "occupied", "live", True)]
    await recorded(engine, message(ONE, up(ONE, VACANT, at=3, f_cnt=1)))
    assert await rows(engine, STATE) == [("FREE", "vacant", "live", True)]
    again = await kept(engine, entry("A", ONE), entry("A", TWO))
    assert (again.spaces.unchanged, again.installations.unchanged) == (1, 2)


async def test_a_summary_counts_a_device_with_several_sensors_once(engine: AsyncEngine) -> None:
    sensors = [
        Entry(place=place(name), assignment=Assignment(dev_eui=ONE, channel=channel, codec="dragino_dds04_lb"))
        for channel, name in enumerate("ABCD", 1)
    ]
    outcome = await kept(engine, *sensors)
    assert outcome.remarks == Counter({NEVER_HEARD: 1, NO_THRESHOLDS: 1})


async def test_a_second_sensor_joins_with_its_stored_uplinks(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    await recorded(engine, *sent(ONE, VACANT), *sent(TWO, OCCUPIED, at=5))
    outcome = await kept(engine, further(entry("A", TWO)))
    assert (outcome.removed, outcome.replayed.uplinks) == ([], 1)
    assert await rows(engine, STATE) == [("OCCUPIED", "occupied", "live", True)]
    assert await rows(engine, "select dev_eui from installation order by 1") == [(ONE,), (TWO,)]


async def test_a_sensor_that_goes_leaves_the_state_of_the_other(engine: AsyncEngine) -> None:
    """It goes because the file does not name it any more, or because it moves to another space."""
    await kept(engine, entry("A", ONE), entry("A", TWO), entry("A", THREE))
    await recorded(engine, *sent(ONE, VACANT), *sent(TWO, VACANT), *sent(THREE, OCCUPIED))
    await kept(engine, entry("B", THREE))
    assert await rows(engine, STATE) == [("FREE", "vacant", "live", True), ("OCCUPIED", "occupied", "live", False)]
    outcome = await kept(engine, entry("A", TWO))
    assert [one.dev_eui for one in outcome.removed] == [ONE]
    assert await rows(engine, STATE) == [("FREE", "vacant", "live", False), ("OCCUPIED", "occupied", "live", False)]
    await recorded(engine, message(TWO, up(TWO, OCCUPIED, at=9, f_cnt=1)), message(ONE, up(ONE, VACANT, at=9, f_cnt=1)))
    assert await rows(engine, "select state from space order by name") == [("OCCUPIED",), ("OCCUPIED",)]


async def test_a_late_uplink_of_the_sensor_that_stays_leaves_the_stays_that_the_other_saw(
    engine: AsyncEngine, pool: Pool
) -> None:
    await kept(engine, entry("A", ONE), entry("A", TWO))
    await recorded(engine, *sent(TWO, VACANT, at=1), *sent(ONE, OCCUPIED, at=5))
    await kept(engine, entry("A", TWO))
    removed_at = NOON + timedelta(minutes=60)
    async with engine.begin() as connection:
        for change in (
            "update transition set at = :at where \"to\" = 'FREE'",
            "update past_stay set departed_at = :at",
            "update space set since = :at",
            "update space set watched_since = :at where watched_since > '-infinity'",
        ):
            await connection.execute(sa.text(change), {"at": removed_at})
    for minute in (70, 40):
        await recorded(engine, message(TWO, up(TWO, VACANT, at=minute, f_cnt=minute)))
    await correct(pool)
    true = "select arrived_at, departed_at from past_stay where withdrawn_at is null"
    assert await rows(engine, true) == [(NOON + timedelta(minutes=5), removed_at)]


async def test_the_rule_of_a_space_is_a_column_of_the_file(engine: AsyncEngine) -> None:
    header = "site,zone,space,dev_eui,codec,sensors"
    lines = [f"central,level-1,A,{one},bosch_tps110_v029,all" for one in (ONE, TWO)]
    sheet = files.read("spaces.csv", "\n".join([header, *lines]).encode(), decoder=Decoder())
    assert sheet.mistakes == ()
    await kept(engine, *sheet.entries)
    await recorded(engine, *sent(ONE, VACANT), *sent(TWO, OCCUPIED))
    assert await rows(engine, "select state from space") == [("FREE",)]
    async with engine.connect() as connection:
        exported = csv_files.text_of(await registered(PipelinedConnection(connection)))
    assert exported.splitlines()[1:] == [
        f"central,level-1,A,{one},0,bosch_tps110_v029,,,,all,,,,,," for one in (ONE, TWO)
    ]
    any_of_them = [one.replace(",all", ",any") for one in lines]
    sheet = files.read("spaces.csv", "\n".join([header, *any_of_them]).encode(), decoder=Decoder())
    outcome = await kept(engine, *sheet.entries)
    assert outcome.spaces.changed == 1
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


def test_the_lines_of_a_space_agree_about_the_rule() -> None:
    text = f"""site,zone,space,dev_eui,sensors
central,level-1,A,{ONE},all
central,level-1,A,{TWO},
central,level-1,B,{THREE},both
central,level-1,C,,any
"""
    sheet = files.read("spaces.csv", text.encode(), decoder=Decoder())
    assert [str(one) for one in sheet.mistakes] == [
        "line 3: sensors differs from line 2, which has the same space central/level-1/A",
        "line 4: sensors cannot be 'both', only any or all",
        "line 5: sensors says when a space with several sensors is occupied, but dev_eui names none",
    ]
    assert SensorRule.ALL in [one.sensors for one in sheet.entries]


def further(one: Entry) -> Entry:
    """As `devices assign --also` makes it."""
    return Entry(place=one.place, assignment=one.assignment, is_further=True)
