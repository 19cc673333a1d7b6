"""The verbs about reservations, and the database that refuses what overlaps."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.requests.desk import Answer, Code, Refusal
from tests.events import NOON
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask

HOUR = timedelta(hours=1)
ZONE = {"site": "central", "zone": "level-1"}
SPACE = ZONE | {"space": "A-1"}


def span(start: float, end: float) -> dict[str, str]:
    """From so many hours after noon until so many."""
    return {"start": (NOON + start * HOUR).isoformat(), "end": (NOON + end * HOUR).isoformat()}


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def execute(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def made(ask: Ask, request_id: str, *, place: Any = SPACE, **given: Any) -> str:
    """Create it. Returns its id."""
    outcome = await ask("reservation/create", **place, request_id=request_id, **given)
    assert isinstance(outcome, Answer), outcome
    reservation: str = outcome.data.reservation
    return reservation


async def refused(ask: Ask, verb: str, **given: Any) -> tuple[Code, str]:
    outcome = await ask(verb, **given)
    assert isinstance(outcome, Refusal), outcome
    return outcome.code, outcome.message


async def test_a_reservation_of_a_space_is_listed_with_its_wishes(car_park: CarPark, ask: Ask) -> None:
    await car_park(2)
    outcome = await ask("reservation/create", **SPACE, **span(1, 2), request_id="r1", holder="Ms Vega", note="B-AB 123")
    assert isinstance(outcome, Answer)
    one = outcome.data
    assert (one.site, one.zone, one.space, one.start, one.end) == (
        "central",
        "level-1",
        "A-1",
        NOON + HOUR,
        NOON + 2 * HOUR,
    )
    assert (one.status, one.holder, one.note, one.by, one.request_id) == ("booked", "Ms Vega", "B-AB 123", "anna", "r1")
    listed = await ask("reservation/list", **SPACE)
    assert isinstance(listed, Answer)
    assert listed.data == {"reservations": [one]}


async def test_the_same_request_again_makes_no_second_reservation(car_park: CarPark, ask: Ask) -> None:
    await car_park(2)
    for place in (SPACE, ZONE):
        first = await made(ask, f"of {len(place)}", place=place, **span(1, 2))
        assert await made(ask, f"of {len(place)}", place=place, **span(1, 2)) == first
    code, sentence = await refused(ask, "reservation/create", **SPACE, **span(4, 5), request_id="of 3")
    assert (code, sentence) == (
        Code.CONFLICT,
        f"The request_id belongs to reservation {first.replace('2', '1')}: give each request its own",
    )


async def test_the_same_request_many_times_at_once_makes_one_reservation(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(3)
    for place in (SPACE, ZONE):
        ids = await asyncio.gather(*(made(ask, f"of {len(place)}", place=place, **span(1, 2)) for _ in range(8)))
        assert len(set(ids)) == 1
    assert await rows(engine, "select count(*) from reservation") == [(2,)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (span(2, 2), "The end must come after the start"),
        (span(-2, -1), "The end is past"),
        (span(1, 2) | {"audience": "ev"}, "leave out space, or audience"),
        (span(1, 2) | {"audience": "everybody"}, "Invalid enum value"),
    ],
)
async def test_an_impossible_reservation_is_refused(
    car_park: CarPark, ask: Ask, given: dict[str, Any], sentence: str
) -> None:
    await car_park(1)
    code, message = await refused(ask, "reservation/create", **SPACE, **given, request_id="r")
    assert code is Code.INVALID
    assert sentence in message


@pytest.mark.parametrize("place", [SPACE | {"space": "A-9"}, ZONE | {"zone": "roof"}])
async def test_a_place_that_does_not_exist_has_no_reservations(
    car_park: CarPark, ask: Ask, place: dict[str, str]
) -> None:
    await car_park(1)
    code, _ = await refused(ask, "reservation/create", **place, **span(1, 2), request_id="r")
    assert code is Code.NOT_FOUND


async def test_two_reservations_of_a_space_touch_and_never_overlap(car_park: CarPark, ask: Ask) -> None:
    await car_park(1)
    await made(ask, "first", **span(2, 4))
    for start, end in ((1, 2.5), (2, 4), (2.5, 3), (1, 9), (3.5, 9)):
        code, sentence = await refused(ask, "reservation/create", **SPACE, **span(start, end), request_id=f"{start}")
        assert code is Code.CONFLICT
        assert "reservation 1 (" in sentence
    await made(ask, "before", **span(1, 2))
    await made(ask, "after", **span(4, 5))


async def test_of_many_who_want_one_space_at_once_one_gets_it(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    """Their times differ and all overlap."""
    await car_park(1)
    outcomes = await asyncio.gather(
        *(
            ask("reservation/create", **SPACE, **span(1 + number / 100, 2 + number / 100), request_id=f"r{number}")
            for number in range(20)
        )
    )
    assert [isinstance(one, Answer) for one in outcomes].count(True) == 1
    assert await rows(engine, "select count(*) from reservation") == [(1,)]


async def test_the_database_refuses_an_overlap_from_any_hand(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(1)
    await made(ask, "r", **span(1, 2))
    with pytest.raises(sa.exc.IntegrityError, match="reservation_no_overlap"):
        await execute(
            engine, "insert into reservation (space_id, during, by) select space_id, during, 'x' from reservation"
        )


async def test_fifty_who_want_any_space_at_once_get_fifty_spaces(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(50)
    outcomes = await asyncio.gather(
        *(ask("reservation/create", **ZONE, **span(1, 2), request_id=f"r{number}") for number in range(51))
    )
    refusals = [one for one in outcomes if isinstance(one, Refusal)]
    assert [one.code for one in refusals] == [Code.CONFLICT]
    assert await rows(engine, "select count(distinct space_id), count(*) from reservation") == [(50, 50)]


async def test_any_free_space_is_one_of_the_audience_in_service_and_free_now_if_it_begins_now(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(5)
    await execute(
        engine,
        "update space set audience = 'ev' where name = 'A-1'",
        "update space set service = 'maintenance', state = 'MAINTENANCE' where name = 'A-2'",
        "update space set occupancy = 'occupied', state = 'OCCUPIED' where name in ('A-3', 'A-5')",
    )
    names = "select space.name from reservation join space on space.id = space_id where request_id = '{}'"
    for request_id, given, name in (
        ("ev", span(1, 2) | {"audience": "ev"}, "A-1"),
        ("now", span(0, 2), "A-4"),
        ("later", span(1, 2), "A-3"),
    ):
        await made(ask, request_id, place=ZONE, **given)
        assert await rows(engine, names.format(request_id)) == [(name,)]
    code, _ = await refused(ask, "reservation/create", **ZONE, **span(0, 3), request_id="none")
    assert code is Code.CONFLICT


async def test_a_time_without_an_offset_is_local_to_the_site(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    """On the day on which summer time ends, an hour comes twice. Its first pass counts."""
    await car_park(1)
    await execute(engine, "update site set time_zone = 'Europe/Madrid'")
    day_before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    await made(ask, "r", start="2026-10-25T01:30:00", end="2026-10-25T02:30:00", at=day_before)
    assert await rows(
        engine, "select lower(during) at time zone 'UTC', upper(during) - lower(during) from reservation"
    ) == [(datetime(2026, 10, 24, 23, 30), HOUR)]  # noqa: DTZ001 - the query says that it is UTC


async def test_a_cancelled_reservation_leaves_its_time_to_others(car_park: CarPark, ask: Ask) -> None:
    await car_park(1)
    first = await made(ask, "first", **span(1, 2))
    for _ in range(2):
        outcome = await ask("reservation/cancel", reservation=first)
        assert isinstance(outcome, Answer)
        assert (outcome.data.status, outcome.data.ended_at, outcome.data.why) == (
            "cancelled",
            NOON,
            f"reservation {first} by anna",
        )
    await made(ask, "second", **span(1, 2))
    listed = await ask("reservation/list", ended=True)
    assert isinstance(listed, Answer)
    assert [one.status for one in listed.data["reservations"]] == ["cancelled", "booked"]


async def test_a_reservation_is_extended_as_far_as_the_next_one(car_park: CarPark, ask: Ask) -> None:
    await car_park(1)
    first, second = await made(ask, "first", **span(1, 2)), await made(ask, "second", **span(3, 4))
    outcome = await ask("reservation/extend", reservation=first, end=span(0, 3)["end"])
    assert isinstance(outcome, Answer)
    assert outcome.data.end == NOON + 3 * HOUR
    code, sentence = await refused(ask, "reservation/extend", reservation=first, end=span(0, 3.5)["end"])
    assert (code, sentence) == (
        Code.CONFLICT,
        "Another reservation of the space begins before this end: choose an earlier one",
    )
    code, _ = await refused(ask, "reservation/extend", reservation=second, end=span(0, 3)["end"])
    assert code is Code.INVALID


@pytest.mark.parametrize("verb", ["cancel", "extend"])
async def test_what_is_over_or_unknown_is_not_changed(
    car_park: CarPark, ask: Ask, engine: AsyncEngine, verb: str
) -> None:
    await car_park(1)
    given = {"end": span(0, 9)["end"]} if verb == "extend" else {}
    code, _ = await refused(ask, f"reservation/{verb}", reservation="4711", **given)
    assert code is Code.NOT_FOUND
    first = await made(ask, "first", **span(1, 2))
    await execute(engine, "update reservation set status = 'completed'")
    code, sentence = await refused(ask, f"reservation/{verb}", reservation=first, **given)
    assert (code, sentence) == (Code.CONFLICT, f"Reservation {first} is over: its status is completed")


async def test_the_reservations_of_a_place_and_a_time_are_listed(car_park: CarPark, ask: Ask) -> None:
    await car_park(2)
    await made(ask, "one", **span(1, 2))
    await made(ask, "two", place=ZONE | {"space": "A-2"}, **span(3, 4))
    for given, expected in (
        ({}, ["one", "two"]),
        ({"space": "A-2"}, ["two"]),
        ({"start": span(2, 9)["start"]}, ["two"]),
        ({"end": span(0, 3)["end"]}, ["one"]),
        ({"limit": 1}, ["one"]),
        ({"site": "south"}, []),
    ):
        outcome = await ask("reservation/list", **given)
        assert isinstance(outcome, Answer)
        assert [one.request_id for one in outcome.data["reservations"]] == expected


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (
            "reservation/create",
            {**SPACE, "start": NOON.isoformat(), "end": "9999-12-31T23:59:59-05:00", "request_id": "r"},
        ),
        ("reservation/create", {**SPACE, "start": NOON.isoformat(), "end": "9999-12-31T23:59:59", "request_id": "r"}),
        ("reservation/list", {"start": "0001-01-01T00:00:00+05:00"}),
        ("reservation/list", {**span(2, 1)}),
        ("reservation/list", {**span(1, 1)}),
    ],
)
async def test_impossible_times_are_refused(car_park: CarPark, ask: Ask, name: str, parameters: dict[str, str]) -> None:
    await car_park(1)
    outcome = await ask(name, **parameters)
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.INVALID
