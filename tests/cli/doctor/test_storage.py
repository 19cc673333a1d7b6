"""`doctor` looks at what keeps the events: the settings and the clock of the server, and the disk of the journal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.doctor.storage import compared, examine_journal_disk, examine_server, examine_spaces
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.process.config import load
from parking_gateway.store.pool import Pool
from tests.plugins.car_park import CarPark

NOBODY = 65534
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


async def examined(engine: AsyncEngine) -> list[Check]:
    async with Pool(engine).connect() as connection:
        return await examine_server(connection)


async def spaces(engine: AsyncEngine) -> Check:
    async with Pool(engine).connect() as connection:
        (check,) = await examine_spaces(connection)
        return check


@pytest.mark.usefixtures("synced")
async def test_a_server_that_keeps_commits_is_fine(engine: AsyncEngine) -> None:
    assert [(check.about, check.verdict) for check in await examined(engine)] == [
        ("durability", "fine"),
        ("machine clock", "fine"),
    ]


@pytest.mark.usefixtures("synced")
async def test_a_server_that_answers_before_the_disk_does_is_wrong(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        name = await connection.scalar(sa.text("select current_database()"))
        await connection.execute(sa.text(f"alter database {name} set synchronous_commit = off"))
    await engine.dispose()  # it is for later connections
    check, _ = await examined(engine)
    assert check.verdict == "wrong"
    assert "synchronous_commit is off" in check.detail
    assert "alter system set synchronous_commit = on" in str(check.fix)


@pytest.mark.parametrize(
    ("apart", "verdict", "detail"),
    [
        (timedelta(seconds=5), "fine", "agree"),
        (timedelta(seconds=90), "wrong", "1.5 min ahead of"),
        (-timedelta(hours=1), "wrong", "1 h behind"),
    ],
)
def test_clocks_that_differ_are_wrong(apart: timedelta, verdict: str, detail: str) -> None:
    check = compared(NOW + apart, NOW, NOW)
    assert check.verdict == verdict
    assert detail in check.detail


def test_a_slow_answer_is_no_wrong_clock() -> None:
    """The server may have read its clock at the beginning or at the end."""
    assert compared(NOW, NOW, NOW + timedelta(seconds=8)).verdict == "fine"


async def test_spaces_without_a_sensor_are_wrong(engine: AsyncEngine, car_park: CarPark) -> None:
    assert (await spaces(engine)).fix == "parking-gateway spaces import spaces.csv"
    await car_park(5)
    assert (await spaces(engine)).verdict == "fine"
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from installation where dev_eui <> 'a840410000000002'"))
    check = await spaces(engine)
    assert check.verdict == "wrong"
    assert check.detail == (
        "4 spaces of 5 without a sensor: central/level-1/A-1, central/level-1/A-3, central/level-1/A-4, …"
    )


@pytest.mark.parametrize(
    ("max_bytes", "folder", "verdict"),
    [(1_000_000, "", "fine"), (0, "", "fine"), (1_000_000_000_000, "", "wrong"), (1_000_000, "absent", "unknown")],
)
def test_the_disk_of_the_journal_needs_room(tmp_path: Path, max_bytes: int, folder: str, verdict: str) -> None:
    """A terabyte is more than any disk of these machines has."""
    journal = {"max_bytes": max_bytes, "folder": str(tmp_path / folder)}
    (check,) = examine_journal_disk(load(overrides={"journal": journal}))
    assert check.verdict == verdict, check.detail


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere. Another user has no such right."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_that_its_owner_cannot_write_is_wrong() -> None:
    # Not in pytest's folders, which no other user can read.
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        with as_nobody():
            (check,) = examine_journal_disk(load(overrides={"journal": {"folder": name}}))
        folder.chmod(0o755)
    assert check.verdict == "wrong"
    assert str(check.fix).startswith(f"chmod u+w {name}")


def test_a_folder_of_another_user_is_unknown() -> None:
    """The gateway may write it, if it is that user."""
    with as_nobody():
        (check,) = examine_journal_disk(load(overrides={"journal": {"folder": "/usr"}}))
    assert check.verdict == "unknown"
    assert "this user may not write /usr" in check.detail
