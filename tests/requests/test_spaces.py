"""The verbs about one space, and about what is published."""

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.requests.desk import Answer, Code, Refusal
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask

SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}


async def test_a_space_is_read_as_its_topic_has_it(car_park: CarPark, ask: Ask) -> None:
    await car_park(2)
    outcome = await ask("space/get", **SPACE)
    assert isinstance(outcome, Answer)
    assert msgspec.to_builtins(outcome.data).items() >= (SPACE | {"state": "FREE", "occupancy": "unknown"}).items()


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ({"space": "A-11"}, "There is no space central/level-1/A-11: did you mean central/level-1/A-1?"),
        ({"zone": "level-l"}, "There is no space central/level-l/A-1: did you mean central/level-1/A-1?"),
        ({"site": "?", "zone": "?", "space": "?"}, "There is no space ?/?/?: `parking-gateway spaces list`"),
    ],
)
async def test_a_place_that_does_not_exist_is_refused(
    car_park: CarPark, ask: Ask, place: dict[str, str], sentence: str
) -> None:
    await car_park(1)
    outcome = await ask("space/get", **(SPACE | place))
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.NOT_FOUND
    assert outcome.message.startswith(sentence)


async def test_a_release_ends_the_reservation_that_holds_a_space(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    outcome = await ask("space/release", **SPACE)
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.CONFLICT
    reserve = (
        "update space set reservation = '4711', reserved_from = now(), reserved_until = now() + interval '1 h',"
        " state = 'RESERVED'"
    )
    async with engine.begin() as connection:
        await connection.execute(sa.text(reserve))
    outcome = await ask("space/release", **SPACE)
    assert isinstance(outcome, Answer)
    assert [(step.before, step.after, step.cause) for step in outcome.committed.steps] == [
        ("RESERVED", "FREE", "release of reservation 4711 by anna")
    ]
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("select state, reservation from space"))
        assert rows.all() == [("FREE", None)]


async def test_everything_retained_is_due_again_after_a_request(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(3)
    async with engine.begin() as connection:
        for table in ("space", "zone", "site", "device"):
            await connection.execute(sa.text(f"update {table} set published_version = version"))
    outcome = await ask("state/republish")
    assert isinstance(outcome, Answer)
    assert outcome.data == {"due": 8}
