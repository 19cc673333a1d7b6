"""A replay keeps which code reads the uplinks now, and a dry run shows what that would change."""

import asyncio
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.device import CodecIdentity
from parking_gateway.decoding import codecs
from parking_gateway.store.codecs import keep, numbers, read_by
from parking_gateway.store.fleet import HistoryPlace, identities, stored_uplinks
from parking_gateway.store.pool import Pool
from tests.cli.test_register import invoke
from tests.cli.test_rejections import ONE, frames, recorded, rows, use
from tests.events import NOON, OCCUPIED, VACANT
from tests.plugins.car_park import CarPark

OLD = CodecIdentity("bosch_tps110_v029", "0123456789ab")
OPPOSITE = """
from decoders import Device, Occupancy, Reading
DEVICE = Device(vendor="A", model="B", ports=())
def decode(frame):
    return Reading(occupancy=Occupancy.VACANT if frame.payload[0] & 1 else Occupancy.OCCUPIED)
"""


async def read_before(pool: Pool) -> None:
    """Keep that an older version of the codec has read all uplinks."""
    async with pool.connect() as connection:
        (known,) = await connection.together(identities([ONE]))
        (sent,) = await connection.together(
            stored_uplinks(known, after={ONE: HistoryPlace(NOON)}, until=None, limit=1000)
        )
        await connection.commit_together(numbers([OLD]), keep([(one, OLD) for one in sent[ONE]]))
        (found,) = await connection.together(read_by(sent[ONE]))
    assert set(found.values()) == {OLD}


async def replayed(database: str, *arguments: str, folder: Path) -> Any:
    ran = await asyncio.to_thread(
        invoke, database, "replay", "--device", ONE, "--json", *arguments, DECODERS__FOLDER=str(folder)
    )
    return json.loads(ran.stdout)


async def everything(engine: AsyncEngine) -> list[Any]:
    tables = ("space", "transition", "device", "uplink", "rejection", "codec", "past_stay")
    return [await rows(engine, f"select cast({table} as text) from {table} order by 1") for table in tables]


async def test_a_dry_run_shows_the_changes_and_the_codec_that_makes_them_and_changes_nothing(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, database: str, tmp_path: Path
) -> None:
    await car_park(1)
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT))
    await read_before(pool)
    (tmp_path / "own.py").write_text(OPPOSITE)
    await use(engine, "own")
    before = await everything(engine)
    own = str(codecs.find("own", dropins=tmp_path).identity)
    shown = await replayed(database, "--dry-run", folder=tmp_path)
    assert (shown["dry_run"], shown["uplinks"], shown["transitions"]) == (True, 2, 1)
    assert shown["codecs"] == [{"read_by": str(OLD), "now": own, "uplinks": 2}]
    assert shown["spaces"] == [{"space": "central/level-1/A-1", "before": "FREE", "after": "OCCUPIED"}]
    assert await everything(engine) == before
    real = await replayed(database, folder=tmp_path)
    assert real == shown | {"dry_run": False}
    again = await replayed(database, folder=tmp_path)
    assert (again["codecs"], again["spaces"]) == ([{"read_by": own, "now": own, "uplinks": 2}], [])


async def test_a_dry_run_of_several_pages_counts_the_steps_of_the_replay(
    engine: AsyncEngine, car_park: CarPark, database: str, tmp_path: Path
) -> None:
    """Each page begins where the one before it would have ended."""
    await car_park(1)
    await use(engine, "milesight_em310_udl")  # it refuses all of them, so that nothing was observed
    await recorded(engine, *frames(ONE, *[OCCUPIED, VACANT] * 150))
    await use(engine, "bosch_tps110_v029")
    shown = await replayed(database, "--dry-run", folder=tmp_path)
    assert (shown["uplinks"], shown["rejections"]["recorded"]) == (300, 300)
    async with engine.begin() as connection:
        assert (await connection.execute(sa.text("select count(*) from transition"))).scalar_one() == 0
    assert await replayed(database, folder=tmp_path) == shown | {"dry_run": False}


async def test_the_tables_of_a_dry_run_are_for_people(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, database: str, tmp_path: Path
) -> None:
    await car_park(1)
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT))
    await read_before(pool)
    (tmp_path / "own.py").write_text(OPPOSITE)
    await use(engine, "own")
    command = ("replay", "--device", ONE, "--dry-run")
    result = await asyncio.to_thread(invoke, database, *command, DECODERS__FOLDER=str(tmp_path))
    assert result.stdout.splitlines() == [
        "Would replay: 2 stored uplinks, 0 unreadable, with 1 state change.",
        "This was a dry run: nothing was changed.",
        "",
        "was read by\tis read by\tuplinks",
        f"{OLD}\t{codecs.find('own', dropins=tmp_path).identity}\t2",
        "",
        "space\tstate\tstate after",
        "central/level-1/A-1\tFREE\tOCCUPIED",
    ]
