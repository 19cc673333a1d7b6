"""Whatever the parameters of a verb are, it answers or refuses: no request is a bug."""

import random
from typing import Any, Final

import msgspec
import pytest

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.requests.answering import answer
from parking_gateway.requests.desk import Answer, Desk, Refusal
from parking_gateway.requests.request import response
from parking_gateway.requests.verbs import verbs
from parking_gateway.store.pool import Pool
from tests.events import NOON, dev_eui_of
from tests.plugins.car_park import CarPark

_USUAL: Final[dict[str, Any]] = {
    "site": "central",
    "zone": "level-1",
    "space": "A-1",
    "place": "central/level-1/A-1",
    "dev_eui": dev_eui_of(1),
    "on": True,
    "start": "2099-01-01T08:00:00Z",
    "end": "2099-01-01T09:00:00Z",
}
_HOSTILE: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**30,
    1e308,
    "",
    " ",
    "x" * 2000,
    "\\",
    '"',
    "{",
    "'; drop table space; --",
    "\u202e\x1b[31m",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-05:00",
    "9999-12-31T23:59:59",
    "central/level-1/A-1",
    [],
    {},
    [[]],
    ["x"],
    {"x": "y"},
)


@pytest.mark.parametrize("name", verbs())
async def test_hostile_parameters_are_answered_or_refused(pool: Pool, car_park: CarPark, name: str) -> None:
    """Each parameter in turn is hostile in some ways, the others are usual ones where these are known."""
    await car_park(1)
    dice = random.Random(name)
    fields = [field.encode_name for field in msgspec.structs.fields(verbs()[name].asked)]
    usual = {field: _USUAL[field] for field in fields if field in _USUAL}
    hostile: list[dict[str, Any]] = [usual | {field: value} for field in fields for value in _HOSTILE]
    hostile += [{field: dice.choice(_HOSTILE) for field in fields} for _ in range(10)]
    async with pool.connect() as connection:
        for parameters in hostile:
            desk = Desk(connection=connection, now=NOON, by="eve", decoder=Decoder())
            # As a message would bring it.
            given = msgspec.json.decode(msgspec.json.encode(parameters))
            outcome = await answer(desk, name, given)
            await connection.rollback()
            assert isinstance(outcome, Answer | Refusal)
            assert response(outcome, "t")
