"""A calendar becomes reservations, again and again, whatever changed in it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.requests.calendars import Imported, import_file
from parking_gateway.requests.desk import Answer, Desk, Refusal
from parking_gateway.store.pipeline import PipelinedConnection
from tests.events import NOON
from tests.plugins.car_park import CarPark
from tests.register.test_calendar_files import file_of
from tests.requests.conftest import Ask

HOUR = timedelta(hours=1)
SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}
ZONE = {"site": "central", "zone": "level-1"}

Import = Callable[..., Awaitable[Imported | Refusal]]


def event(uid: str, start: float, end: float, *more: str) -> str:
    """An event from so many hours after noon until so many."""
    times = (NOON + start * HOUR, NOON + end * HOUR)
    return " ".join([f"UID:{uid}", *(f"{w}:{t:%Y%m%dT%H%M%SZ}" for w, t in zip(("DTSTART", "DTEND"), times)), *more])  # noqa: B905


@pytest.fixture
def import_calendar(engine: AsyncEngine) -> Import:
    """Imports a file with these events at noon, unless another time is given."""

    async def import_calendar(
        *events: str, place: dict[str, str] = SPACE, at: datetime = NOON, **options: Any
    ) -> Imported | Refusal:
        async with engine.connect() as connection:
            pipelined = PipelinedConnection(connection)
            desk = Desk(connection=pipelined, now=at, by="anna", decoder=Decoder())
            outcome = await import_file(desk, file_of(*events), place, **({"days": 30} | options))
            if isinstance(outcome, Refusal):
                return outcome
            await pipelined.commit_together()
            imported: Imported = outcome.data
            return imported

    return import_calendar


async def live(engine: AsyncEngine) -> list[tuple[str, str, float, float]]:
    """Live reservations: UID, space, and hours after noon."""
    query = (
        "select uid, name, lower(during), upper(during) from reservation join space on space.id = space_id"
        " where status in ('booked', 'holding', 'checked_in') order by lower(during), uid"
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(sa.text(query))).all()
    return [(uid, name, (start - NOON) / HOUR, (end - NOON) / HOUR) for uid, name, start, end in rows]


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement))


async def test_a_file_that_is_imported_again_changes_nothing(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    await car_park(1)
    events = [event("a", 1, 2), event("b", 3, 4, "RRULE:FREQ=DAILY;COUNT=3")]
    assert await import_calendar(*events) == Imported(created=4, moved=0, cancelled=0, unchanged=0, refused=[])
    before = await live(engine)
    assert await import_calendar(*events) == Imported(created=0, moved=0, cancelled=0, unchanged=4, refused=[])
    assert await live(engine) == before


async def test_events_that_changed_are_moved_and_those_that_vanished_are_cancelled(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    """Two events that change places are no conflict."""
    await car_park(1)
    await import_calendar(event("a", 1, 2), event("b", 3, 4), event("c", 5, 6))
    outcome = await import_calendar(event("a", 3, 4), event("b", 1, 2))
    assert outcome == Imported(created=0, moved=2, cancelled=1, unchanged=0, refused=[])
    assert await live(engine) == [("b", "A-1", 1, 2), ("a", "A-1", 3, 4)]
    outcome = await import_calendar(event("a", 3, 4), event("b", 1, 2), event("c", 5, 6))
    assert outcome == Imported(created=1, moved=0, cancelled=0, unchanged=2, refused=[])


async def test_overlapping_events_are_refused_alone(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    await car_park(1)
    outcome = await import_calendar(event("a", 1, 3), event("b", 2, 4, "SUMMARY:Board"), event("c", 3, 4))
    assert isinstance(outcome, Imported)
    assert [one.partition(":")[0] for one in outcome.refused] == [f"Board ({NOON:%Y-%m-%d} 14"]
    assert [uid for uid, *_ in await live(engine)] == ["a", "c"]


async def test_a_moved_event_that_was_refused_is_tried_again_at_each_import(
    car_park: CarPark, import_calendar: Import, ask: Ask, engine: AsyncEngine
) -> None:
    """Also one that goes back to its former time. Only a person or a no-show ends an event for good."""
    await car_park(1)
    await import_calendar(event("a", 1, 2))
    times = {"start": (NOON + 2 * HOUR).isoformat(), "end": (NOON + 4 * HOUR).isoformat()}
    obstacle = await ask("reservation/create", **SPACE, **times, request_id="r")
    assert isinstance(obstacle, Answer)
    for _ in range(2):
        refused = await import_calendar(event("a", 1, 3))
        assert isinstance(refused, Imported)
        assert len(refused.refused) == 1
        assert [uid for uid, *_ in await live(engine)] == [None]
    back = await import_calendar(event("a", 1, 2))
    assert back == Imported(created=1, moved=0, cancelled=0, unchanged=0, refused=[])
    await import_calendar(event("a", 1, 3))
    await execute(engine, "update reservation set status = 'cancelled', why = 'by anna' where uid is null")
    again = await import_calendar(event("a", 1, 3))
    assert again == Imported(created=1, moved=0, cancelled=0, unchanged=0, refused=[])
    assert await live(engine) == [("a", "A-1", 1, 3)]


async def test_refused_events_are_counted_only_as_refused(car_park: CarPark, import_calendar: Import) -> None:
    await car_park(1)
    await import_calendar(event("a", 1, 2), event("b", 3, 4))
    outcome = await import_calendar(event("a", 1, 3.5), event("b", 3, 4), event("c", 3, 5), event("d", 6, 7))
    assert isinstance(outcome, Imported)
    assert (outcome.created, outcome.moved, outcome.unchanged, len(outcome.refused)) == (1, 0, 1, 2)


async def test_the_events_of_a_zone_get_any_free_space(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    await car_park(2)
    outcome = await import_calendar(event("a", 1, 3), event("b", 2, 4), event("c", 2, 3), place=ZONE)
    assert isinstance(outcome, Imported)
    assert len(outcome.refused) == 1
    assert await live(engine) == [("a", "A-1", 1, 3), ("b", "A-2", 2, 4)]
    outcome = await import_calendar(event("d", 5, 6), place=ZONE, audience="ev")
    assert isinstance(outcome, Imported)
    assert outcome.cancelled == 2
    assert len(outcome.refused) == 1


async def test_calendars_of_two_places_leave_each_other_alone(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    """A renamed space keeps its calendar."""
    await car_park(2)
    await import_calendar(event("a", 1, 2))
    await import_calendar(event("a", 1, 2), place=SPACE | {"space": "A-2"})
    await execute(engine, "update space set name = 'B-1' where name = 'A-1'")
    outcome = await import_calendar(event("a", 1, 2), place=SPACE | {"space": "B-1"})
    assert outcome == Imported(created=0, moved=0, cancelled=0, unchanged=1, refused=[])
    assert {name for _, name, *_ in await live(engine)} == {"B-1", "A-2"}


async def test_an_event_that_has_begun_is_extended_and_keeps_its_reservation(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    await car_park(1)
    await import_calendar(event("a", 1, 2), event("b", 3, 4))
    await execute(engine, "update reservation set status = 'checked_in' where uid = 'a'")
    outcome = await import_calendar(event("a", 1, 3), event("b", 3, 4), at=NOON + 1.5 * HOUR)
    assert outcome == Imported(created=0, moved=1, cancelled=0, unchanged=1, refused=[])
    outcome = await import_calendar(event("a", 1, 3.5), event("b", 3, 4), at=NOON + 1.5 * HOUR)
    assert isinstance(outcome, Imported)
    assert (outcome.moved, len(outcome.refused)) == (0, 1)
    assert await live(engine) == [("a", "A-1", 1, 3), ("b", "A-1", 3, 4)]


async def test_an_event_with_other_texts_keeps_its_reservation(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    await car_park(1)
    for summary in ("Board", "Jury"):
        await import_calendar(event("a", 1, 2, f"SUMMARY:{summary}"), event("b", 3, 4))
        async with engine.connect() as connection:
            rows = await connection.execute(sa.text("select id, holder, note from reservation order by id"))
        assert rows.all() == [(1, summary, None), (2, None, None)]


@pytest.mark.parametrize("status", ["no_show", "released", "cancelled"])
async def test_an_event_whose_reservation_is_over_does_not_reserve_again_unless_it_is_moved(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine, status: str
) -> None:
    await car_park(1)
    await import_calendar(event("a", 1, 4))
    await execute(engine, f"update reservation set status = '{status}', why = 'reservation 1 by anna'")
    assert await import_calendar(event("a", 1, 4), at=NOON + 2 * HOUR) == Imported(
        created=0, moved=0, cancelled=0, unchanged=1, refused=[]
    )
    await import_calendar(event("a", 5, 6), at=NOON + 2 * HOUR)
    assert await live(engine) == [("a", "A-1", 5, 6)]


async def test_events_beyond_the_horizon_keep_the_reservations_that_they_have(
    car_park: CarPark, import_calendar: Import, engine: AsyncEngine
) -> None:
    await car_park(1)
    daily = event("a", 1, 2, "RRULE:FREQ=DAILY")
    for days, created in ((3, 3), (1, 0), (4, 1)):
        outcome = await import_calendar(daily, days=days)
        assert isinstance(outcome, Imported)
        assert (outcome.created, outcome.cancelled) == (created, 0)
    assert len(await live(engine)) == 4


async def test_reservations_of_people_are_no_part_of_a_calendar(
    car_park: CarPark, import_calendar: Import, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    by_hand = await ask(
        "reservation/create",
        **SPACE,
        start=(NOON + HOUR).isoformat(),
        end=(NOON + 2 * HOUR).isoformat(),
        request_id="r",
    )
    assert isinstance(by_hand, Answer)
    await import_calendar(event("a", 3, 4))
    await import_calendar()
    assert [uid for uid, *_ in await live(engine)] == [None]


@pytest.mark.parametrize(
    ("place", "options"), [(SPACE | {"space": "A-9"}, {}), (SPACE | {"space": "+"}, {}), (ZONE, {"audience": "x"})]
)
async def test_a_wrong_place_or_audience_is_refused(
    car_park: CarPark, import_calendar: Import, place: dict[str, str], options: dict[str, str]
) -> None:
    await car_park(1)
    assert isinstance(await import_calendar(event("a", 1, 2), place=place, **options), Refusal)
