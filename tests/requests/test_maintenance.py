"""The verbs that take places out of service and back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.requests.desk import Answer, Code, Refusal
from parking_gateway.store.pipeline import PipelinedConnection
from tests.events import NOON
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask

SECOND = timedelta(seconds=1)
SITE = {"site": "central"}
ZONE = SITE | {"zone": "level-1"}
SPACE = ZONE | {"space": "A-1"}


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


@pytest.mark.parametrize(
    ("verb", "place", "concerned"),
    [("space/maintenance", SPACE, 1), ("zone/maintenance", ZONE, 3), ("site/maintenance", SITE, 3)],
)
async def test_a_place_goes_out_of_service_and_back(
    car_park: CarPark, ask: Ask, engine: AsyncEngine, verb: str, place: dict[str, str], concerned: int
) -> None:
    await car_park(3)
    outcome = await ask(verb, **place, on=True, reason="wet paint")
    assert isinstance(outcome, Answer)
    assert outcome.data == {"spaces": concerned, "changed": concerned}
    assert await rows(
        engine, "select cause, maintenance_reason, count(*) from space where state = 'MAINTENANCE' group by 1, 2"
    ) == [("maintenance by anna", "wet paint", concerned)]
    outcome = await ask(verb, **place, on=False, at=NOON + SECOND)
    assert isinstance(outcome, Answer)
    assert outcome.data == {"spaces": concerned, "changed": concerned}
    assert await rows(engine, "select distinct state, maintenance_reason from space") == [("FREE", None)]
    assert await rows(engine, 'select distinct "from", "to", cause from transition order by 1') == [
        ("FREE", "MAINTENANCE", "maintenance by anna"),
        ("MAINTENANCE", "FREE", "maintenance by anna"),
    ]


async def test_a_second_order_for_the_same_changes_nothing(car_park: CarPark, ask: Ask) -> None:
    await car_park(1)
    for changed in (1, 0):
        outcome = await ask("space/maintenance", **SPACE, on=True, reason="wet paint", at=NOON + SECOND)
        assert isinstance(outcome, Answer)
        assert outcome.data == {"spaces": 1, "changed": changed}


async def test_the_later_order_counts_although_its_gateways_clock_is_behind(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    await ask("space/maintenance", **SPACE, on=True)
    await ask("space/maintenance", **SPACE, on=False, at=NOON - 5 * SECOND)
    assert await rows(engine, "select state from space") == [("FREE",)]


async def test_a_zone_without_spaces_is_no_mistake_and_an_unknown_one_is(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("insert into zone (site_id, name) select id, 'roof' from site"))
    outcome = await ask("zone/maintenance", site="central", zone="roof", on=True)
    assert isinstance(outcome, Answer)
    assert outcome.data == {"spaces": 0, "changed": 0}
    outcome = await ask("zone/maintenance", site="central", zone="level-2", on=True)
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.message) == (
        Code.NOT_FOUND,
        "There is no zone central/level-2: did you mean central/level-1?",
    )


async def test_the_planned_end_is_published_and_a_later_order_replaces_it(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    until = "2099-01-01T00:00:00+01:00"
    await ask("space/maintenance", **SPACE, on=True, reason="paint", until=until)
    shown = await ask("space/get", **SPACE)
    assert isinstance(shown, Answer)
    assert shown.data.maintenance_until == datetime.fromisoformat(until)
    await ask("space/maintenance", **SPACE, on=True, reason="more paint", at=NOON + SECOND)
    assert await rows(engine, "select maintenance_reason, maintenance_until from space") == [("more paint", None)]


async def test_the_last_second_of_the_calendar_is_a_planned_end(car_park: CarPark, ask: Ask) -> None:
    await car_park(1)
    for until in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+01:00"):
        assert isinstance(await ask("space/maintenance", **SPACE, on=True, until=until), Answer)
        shown = await ask("space/get", **SPACE)
        assert isinstance(shown, Answer)
        assert shown.data.maintenance_until == datetime.fromisoformat(until)


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ({"on": True, "until": NOON.isoformat()}, "until has to be in the future"),
        ({"on": False, "until": (NOON + SECOND).isoformat()}, "until is the planned end of maintenance"),
        # PostgreSQL would take the year 10000, and then nobody could read this space, and publish none.
        (
            {"on": True, "until": "9999-12-31T23:59:59-05:00"},
            "until is beyond the calendar: choose a time of the years",
        ),
        ({"on": True, "until": "2099-01-01T00:00:00"}, "Expected `datetime` with a timezone component"),
    ],
)
async def test_an_impossible_planned_end_is_refused(
    car_park: CarPark, ask: Ask, order: dict[str, Any], sentence: str
) -> None:
    await car_park(1)
    outcome = await ask("space/maintenance", **SPACE, **order)
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.INVALID
    assert outcome.message.startswith(sentence)


async def test_an_order_about_many_spaces_is_one_statement_of_each_kind(
    car_park: CarPark, ask: Ask, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 spaces here; 10,000 take 5 times as long, and not one round trip more."""
    await car_park(2000)
    sent: list[int] = []
    together = PipelinedConnection.together

    async def counted(self: PipelinedConnection, /, *queries: Any) -> Any:
        sent.append(len(queries))
        return await together(self, *queries)

    monkeypatch.setattr(PipelinedConnection, "together", counted)
    outcome = await ask("zone/maintenance", **ZONE, on=True)
    assert isinstance(outcome, Answer)
    assert outcome.data == {"spaces": 2000, "changed": 2000}
    # Its spaces, their locks, then all that is written: the spaces, their steps, and what is offered.
    assert sent == [1, 1, 3]
