"""Stays and hours are exported as CSV."""

import asyncio
import os
from datetime import timedelta
from tempfile import TemporaryFile

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.pool import Pool
from tests import forked
from tests.cli.test_register import after_database, invoke, run_on
from tests.clock.test_history import come, frame
from tests.clock.test_hours import count
from tests.events import NOON, OCCUPIED, VACANT
from tests.plugins.car_park import CarPark


async def test_stays_and_hours_are_exported(pool: Pool, car_park: CarPark, database: str) -> None:
    (device,) = await car_park(1)
    for number, status in ((30, OCCUPIED), (50, VACANT), (55, OCCUPIED), (59, VACANT)):
        await come(pool, frame(device, number, status))
    await count(pool, 2)
    day = f"{NOON:%Y-%m-%d}"
    end = (NOON + timedelta(minutes=55)).isoformat()
    assert run_on(database, "export", "stays", "--from", day, "--to", end, "--csv").stdout.splitlines() == [
        "site,zone,space,arrived_at,departed_at,seconds,overstay,reservation",
        f"central,level-1,A-1,{day}T12:30:00Z,{day}T12:50:00Z,1200,false,",
    ]
    assert run_on(database, "export", "occupancy", "--csv").stdout.splitlines()[1:2] == [
        f"central,level-1,{day}T12:00:00Z,1,1440.0,0.4,2,2,720"
    ]


STAYS = """
insert into past_stay (space, arrived_at, departed_at, arrival, departure)
select id, now() - interval '3 minutes', now() - interval '2 minutes', 'came', 'left' from space, generate_series(1, 1000)
"""


@pytest.mark.parametrize("statement", [STAYS, "select"])
async def test_a_reader_that_has_enough_ends_an_export_quietly(
    car_park: CarPark, engine: AsyncEngine, database: str, statement: str
) -> None:
    """As `head -1` does. A thousand stays are written while the database is read, and the header alone at the end."""
    await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement))
    reader, writer = os.pipe()
    os.close(reader)
    ours = os.environ | {"PARKING_GATEWAY_DATABASE__URL": database}
    with TemporaryFile() as errors:
        arguments = ("export", "stays", "--csv")
        process = forked.start(*arguments, env=ours, stdout=writer, stderr=errors.fileno())
        os.close(writer)
        assert await asyncio.to_thread(process.wait, 60) == 1
        errors.seek(0)
        assert after_database(errors.read().decode()) == ""


def test_without_csv_it_is_a_table(database: str) -> None:
    shown = invoke(database, "export", "stays")
    columns = "site zone space arrived_at departed_at seconds overstay reservation"
    assert (shown.returncode, shown.stderr, shown.stdout.split()) == (0, "", columns.split())
