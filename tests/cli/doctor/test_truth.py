"""What sensors have reported, compared with what people have seen."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.doctor.truth import Compared, Score, compare_with_truth
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import load
from parking_gateway.store.pool import Pool
from tests.cli.test_register import invoke
from tests.events import NOON, OCCUPIED, VACANT, message, up
from tests.intake.test_observing import BOSCH, come, observe
from tests.plugins.car_park import CarPark

HOUR = timedelta(hours=1)
Seen = tuple[float, bool]
"""Minutes after noon, and whether a car was there."""


async def seen(pool: Pool, *looks: Seen, space: str = "A-1") -> None:
    """What a person has seen on the space."""
    async with pool.engine.begin() as connection:
        for minutes, is_occupied in looks:
            await connection.execute(
                sa.text("insert into truth select id, :at, :is_occupied from space where name = :space"),
                {"at": NOON + timedelta(minutes=minutes), "is_occupied": is_occupied, "space": space},
            )


async def compared(pool: Pool, *, hours: float = 2) -> Compared:
    """A device may be silent for so long."""
    config = load(overrides={"clock": {"lost_after": hours * 3600, "missed_heartbeats": 0}})
    async with pool.connect() as connection:
        return await compare_with_truth(connection, Decoder(), config)


def counts(one: Score) -> tuple[str | None, bool, int, int, int]:
    return one.device, one.observed, one.right, one.wrong, one.missed


async def report(pool: Pool, device: str, *reports: tuple[float, bytes]) -> None:
    """Uplinks of the device, by minutes after noon."""
    for number, (minutes, status) in enumerate(reports):
        await come(pool, message(device, up(device, status, at=minutes, f_cnt=number + 1)))


async def test_without_a_truth_there_is_nothing_to_compare(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await report(pool, device, (0, OCCUPIED))
    assert await compared(pool) == Compared()


@pytest.mark.parametrize("uplinks", [None, ENDLESS, 2, 9])
async def test_a_sensor_is_right_wrong_or_missed(pool: Pool, car_park: CarPark, uplinks: int | None) -> None:
    """The same for one that decides its space and for one that is observed, or was."""
    (device,) = await car_park(1)
    if uplinks is not None:
        await observe(pool, device, uplinks)
    await report(pool, device, (0, OCCUPIED), (60, VACANT), (300, OCCUPIED), (360, OCCUPIED))
    await seen(
        pool, (-30, True), (0, True), (30, True), (59, False), (61, False), (170, True), (200, False), (301, True)
    )
    found = await compared(pool)
    (one,) = [each for each in found.devices if each.codec and (uplinks != 2 or each.observed)]
    if uplinks == 2:  # from 12:00 to 13:00, and after that until it was silent for too long
        (other,) = [each for each in found.devices if not each.observed]
        assert (one.right, one.wrong, one.missed) == (3, 2, 1)
        assert (other.right, other.wrong, other.missed) == (1, 0, 1)
    else:
        assert counts(one) == (device, uplinks is not None, 4, 2, 2)
        assert (one.codec, one.space) == (BOSCH, "central/level-1/A-1")
        assert (one.right_percent, one.wrong_percent, one.missed_percent) == (50, 25, 25)
        assert [(each.at - NOON, each.occupied) for each in found.wrong] == [
            (timedelta(minutes=59), False),
            (timedelta(minutes=170), True),
        ]
        (of_codec,) = found.codecs
        assert (of_codec.codec, of_codec.device, of_codec.right) == (BOSCH, None, 4)
    assert found.truths == 8


async def test_maintenance_and_reservations_hide_nothing(pool: Pool, car_park: CarPark) -> None:
    """What a driver may expect is another thing than what the sensor reported."""
    (device,) = await car_park(1)
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text("update space set service = 'maintenance', state = 'MAINTENANCE'"))
    await report(pool, device, (0, OCCUPIED), (60, VACANT))
    await seen(pool, (30, True), (61, False))
    (one,) = (await compared(pool)).devices
    assert (one.right, one.wrong, one.missed) == (2, 0, 0)


async def test_a_new_sensor_is_compared_beside_the_present_one(pool: Pool, car_park: CarPark) -> None:
    present, new = await car_park(2)
    await observe(pool, new, 3, space="A-1")
    await report(pool, present, (0, OCCUPIED), (60, OCCUPIED))
    await report(pool, new, (0, VACANT), (30, VACANT), (61, VACANT))
    await seen(pool, (1, False), (31, False), (61, True))
    found = await compared(pool)
    assert sorted(map(counts, found.devices)) == [(present, False, 1, 2, 0), (new, True, 2, 1, 0)]
    assert [one.right for one in found.devices] == [1, 2], "the worst first"
    await come(
        pool, message(present, up(present, VACANT, at=90, f_cnt=9)), message(new, up(new, VACANT, at=91, f_cnt=9))
    )
    await seen(pool, (92, False))
    both = f"{present} + {new}"
    assert (both, False, 1, 0, 0) in map(counts, (await compared(pool)).devices)


async def test_a_removed_device_keeps_what_it_reported(pool: Pool, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    await observe(pool, device, ENDLESS)
    await report(pool, device, (0, OCCUPIED))
    await seen(pool, (0, True))
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text("delete from installation"))
    assert list(map(counts, (await compared(pool)).devices)) == [(device, True, 1, 0, 0)]


async def test_a_device_that_has_reported_nothing_is_missed(pool: Pool, car_park: CarPark) -> None:
    observed, present = await car_park(2)
    await observe(pool, observed, ENDLESS)
    for space in ("A-1", "A-2"):
        await seen(pool, (0, True), space=space)
    found = (await compared(pool)).devices
    assert sorted(map(counts, found)) == [(observed, True, 0, 0, 1), (present, False, 0, 0, 1)]


async def test_a_person_enters_a_file_and_compares(
    pool: Pool, database: str, engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    (device,) = await car_park(1)
    await observe(pool, device, ENDLESS)
    await report(pool, device, (0, OCCUPIED))
    file = tmp_path / "seen.csv"
    lines = [
        f"central/level-1/A-1;{NOON + minutes * timedelta(minutes=1):%d.%m.%Y %H:%M};{word}"
        for minutes, word in ((1, "yes"), (2, "no"))
    ]
    file.write_text("\n".join(["space;time;occupied", *lines]))

    async def run(*arguments: str | Path) -> tuple[int, str]:
        ran = await asyncio.to_thread(invoke, database, *arguments)
        return ran.returncode, ran.stdout + ran.stderr

    assert await run("truth", file, "--dry-run") == (
        0,
        "Truths: 2 created, 0 changed, 0 unchanged.\nThis was a dry run: nothing was changed.\n",
    )
    assert await run("truth", file) == (0, "Truths: 2 created, 0 changed, 0 unchanged.\n")
    assert json.loads((await run("truth", file, "--json"))[1])["unchanged"] == 2
    found = json.loads((await run("doctor", "--devices", "--json"))[1])["truth"]
    assert (found["truths"], found["devices"][0]["right"], found["devices"][0]["wrong"]) == (2, 1, 1)
    _, text = await run("doctor", "--devices")
    assert "Compared with 2 truths:" in text
    assert f"{device}\tcentral/level-1/A-1\t{BOSCH}\tyes\t2\t1 (50 %)\t1 (50 %)\t0 (0 %)" in text
    assert f"central/level-1/A-1 at {NOON:%Y-%m-%d} 12:02 UTC was vacant, and {device} reported occupied." in text
    file.write_text("space,time,occupied\nA-1,now,perhaps\n")
    status, text = await run("truth", file)
    assert (status, text.splitlines()[-1]) == (1, f"Nothing of {file} was entered.")
    assert json.loads((await run("truth", file, "--json"))[1])["mistakes"][0]["where"] == "line 2"
    assert DevEui(device) in (await run("devices", "list"))[1]
    assert "observed" in (await run("devices", "list"))[1]
