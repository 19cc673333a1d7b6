"""What people have seen: files in the forms that spreadsheets write, and rows that are written once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.register import truth_files
from parking_gateway.register.entries import Mistake, Place
from parking_gateway.register.truth_files import Look
from parking_gateway.register.truths import Kept, enter
from parking_gateway.store.pipeline import PipelinedConnection
from tests.plugins.car_park import CarPark

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLACE = "central/level-1/A-1"


def looks(*lines: str, header: str = "space,time,occupied") -> list[Look | Mistake]:
    return truth_files.read("\n".join([header, *lines]).encode())


@pytest.mark.parametrize("word", ["yes", "TRUE", "1", "Occupied", "ja", "belegt"])
def test_words_for_a_car(word: str) -> None:
    (one,) = looks(f"{PLACE},2026-11-01 08:00,{word}")
    assert one == Look(
        place=Place("central", "level-1", "A-1"),
        at=datetime(2026, 11, 1, 8),  # noqa: DTZ001 - that of the site
        is_occupied=True,
        where="line 2",
    )


@pytest.mark.parametrize("word", ["no", "False", "0", "vacant", "free", "empty", "frei"])
def test_words_for_no_car(word: str) -> None:
    (one,) = looks(f"{PLACE},2026-11-01 08:00,{word}")
    assert isinstance(one, Look)
    assert not one.is_occupied


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-01 08:00", "2026-11-01T07:00:00+00:00"),
        ("2026-11-01T08:00:30", "2026-11-01T07:00:30+00:00"),
        ("1.11.2026 8:00", "2026-11-01T07:00:00+00:00"),
        ("01.11.2026 08:00:30", "2026-11-01T07:00:30+00:00"),
        ("2026-07-01 08:00", "2026-07-01T06:00:00+00:00"),
        ("2026-11-01T08:00Z", "2026-11-01T08:00:00+00:00"),
        ("2026-11-01 08:00:00+02:00", "2026-11-01T06:00:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_that_of_the_site(time: str, expected: str) -> None:
    (one,) = looks(f"{PLACE},{time},yes")
    assert isinstance(one, Look), one
    (found,) = truth_files.dated([one], {"central": "Europe/Berlin"}, now=NOW)
    assert isinstance(found, Look)
    assert found.at.isoformat() == expected


def test_a_place_stands_in_one_column_or_in_three() -> None:
    (one,) = looks("central;level-1;A-1;2026-11-01 08:00;x", header="site;zone;space;time;occupied")
    assert isinstance(one, Look)
    assert str(one.place) == PLACE


def test_every_wrong_line_is_named() -> None:
    found = looks(
        f"{PLACE},yesterday,yes",
        f"{PLACE},2026-11-01,yes",
        f"{PLACE},31.11.2026 08:00,yes",
        f"{PLACE},2026-11-01 08:00,maybe",
        "A-1,2026-11-01 08:00,yes",
        f"{PLACE},2026-11-01 08:00,yes,more",
    )
    form = "only as 2026-03-01 08:00, 01.03.2026 08:00 or 2026-03-01T08:00+01:00"
    assert [str(one) for one in found] == [
        f"line 2: time cannot be 'yesterday', {form}",
        f"line 3: time cannot be '2026-11-01', {form}",
        f"line 4: time cannot be '31.11.2026 08:00', {form}",
        "line 5: occupied cannot be 'maybe', only a word such as yes or no",
        "line 6: space 'A-1' names none: write SITE/ZONE/SPACE",
        "line 7: it has 4 cells, and the header 3: a cell with the delimiter in it must stand in quotation marks",
    ]
    assert list(map(str, looks(header="space,when,occupied"))) == [
        "line 1: the header has an unknown column 'when'; there are site, zone, space, time, occupied",
        "line 1: the header lacks time; it must begin like site,zone,space,time,occupied",
    ]
    assert list(map(str, truth_files.read(b"\xff\xfe"))) == [
        "line 1: the file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)"
    ]


def test_an_hour_that_is_twice_or_never_needs_its_offset() -> None:
    found = looks(
        f"{PLACE},2026-10-25 02:30,yes",
        f"{PLACE},2026-03-29 02:30,yes",
        f"{PLACE},2026-10-25 02:30+01:00,yes",
        f"{PLACE},2026-11-24 08:00,yes",
        f"{PLACE},9999-12-31T23:59-01:00,yes",
        f"{PLACE},2026-11-01 08:00,yes",
        f"{PLACE},2026-11-01 07:00Z,no",
        f"{PLACE},2026-11-01 07:00Z,yes",
    )
    read = [one for one in found if isinstance(one, Look)]
    assert len(read) == len(found)
    dated = truth_files.dated(read, {"central": "Europe/Berlin"}, now=NOW)
    assert [str(one) if isinstance(one, Mistake) else one.where for one in dated] == [
        "line 2: time 2026-10-25 02:30:00 is twice or not at all in Europe/Berlin: write it with its offset",
        "line 3: time 2026-03-29 02:30:00 is twice or not at all in Europe/Berlin: write it with its offset",
        "line 4",
        "line 5: time 2026-11-24 07:00 UTC is still to come",
        "line 6: time 9999-12-31 23:59:00-01:00 is beyond the calendar",
        "line 7",
        "line 8: occupied differs from line 7, which has the same space and time",
    ]


async def entered(engine: AsyncEngine, *lines: str, remove: bool = False) -> Kept | list[Mistake]:
    async with engine.begin() as connection:
        return await enter(PipelinedConnection(connection), looks(*lines), now=NOW, remove=remove)


async def rows(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    async with engine.connect() as connection:
        found = await connection.execute(sa.text("select space_id, at, is_occupied from truth order by at"))
        return [tuple(row) for row in found]


async def test_a_file_can_be_entered_again_corrected_and_taken_back(engine: AsyncEngine, car_park: CarPark) -> None:
    await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update site set time_zone = 'Europe/Berlin'"))
    lines = (f"{PLACE},2026-11-01 08:00,yes", f"{PLACE},2026-11-01 09:00,no")
    assert await entered(engine, *lines) == Kept(created=2)
    assert await entered(engine, *lines) == Kept(unchanged=2)
    at = datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert await rows(engine) == [(1, at, True), (1, at + timedelta(hours=1), False)]
    assert await entered(engine, f"{PLACE},2026-11-01 08:00,no", lines[1]) == Kept(changed=1, unchanged=1)
    assert await entered(engine, lines[0], f"{PLACE},2026-11-01 10:00,no", remove=True) == Kept(removed=1, unchanged=1)
    assert await rows(engine) == [(1, at + timedelta(hours=1), False)]


async def test_with_a_mistake_nothing_is_entered(engine: AsyncEngine, car_park: CarPark) -> None:
    await car_park(1)
    found = await entered(
        engine, f"{PLACE},2026-11-01 08:00,yes", "central/level-1/B-9,2026-11-01 08:00,no", f"{PLACE},x,1"
    )
    assert isinstance(found, list)
    assert [str(one).partition(":")[0] for one in found] == ["line 3", "line 4"]
    assert "there is no space central/level-1/B-9" in str(found[0])
    assert await rows(engine) == []
