"""Stays and hours are exported as CSV."""

from datetime import timedelta

from parking_gateway.store.pool import Pool
from tests.cli.test_register import invoke, run_on
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


def test_without_csv_it_is_a_table(database: str) -> None:
    shown = invoke(database, "export", "stays")
    columns = "site zone space arrived_at departed_at seconds overstay reservation"
    assert (shown.returncode, shown.stderr, shown.stdout.split()) == (0, "", columns.split())
