"""The verbs about downlinks and indicators."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.requests.desk import Answer, Code, Refusal
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask

LAMP = "ca10000000000001"


async def rows(engine: AsyncEngine, query: str) -> Any:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


@pytest.fixture
async def device(car_park: CarPark, engine: AsyncEngine) -> str:
    """A sensor of which an event has come."""
    (found,) = await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update device set application_id = 'a'"))
    return found


async def test_bytes_are_queued_each_for_itself(device: str, ask: Ask, engine: AsyncEngine) -> None:
    for _ in range(2):
        outcome = await ask("device/downlink", dev_eui=device.upper(), bytes="01FF", f_port=7)
        assert isinstance(outcome, Answer)
        assert (outcome.data["f_port"], outcome.data["bytes"]) == (7, "01ff")
    assert await rows(engine, "select by, state, is_confirmed from downlink") == [("anna", "wished", True)] * 2
    ((status,),) = await rows(engine, f"select downlink from device where dev_eui = '{device}'")
    assert (status["state"], status["purpose"]) == ("pending", "bytes")


async def test_a_command_of_the_codec_is_queued_and_the_same_again_is_one(
    device: str, ask: Ask, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = 'dragino_ldds75'"))
    given = {"dev_eui": device, "command": "Report-Interval", "options": {"seconds": 1200}}
    outcomes = [await ask("device/downlink", **given) for _ in range(2)]
    assert [one.data["bytes"] for one in outcomes if isinstance(one, Answer)] == ["010004b0"] * 2
    assert await rows(engine, "select purpose, f_port from downlink") == [("report_interval", 1)]
    named = await ask(
        "device/downlink", dev_eui=device, command="high_brightness", codec="plenom_busylight", options={"on": True}
    )
    assert isinstance(named, Answer)
    assert named.data["bytes"] == "0701"


@pytest.mark.parametrize(
    ("parameters", "code", "why"),
    [
        ({"dev_eui": LAMP, "bytes": "01", "f_port": 1}, Code.NOT_FOUND, "No event of the device"),
        ({}, Code.INVALID, "needs either a command, or bytes and their f_port"),
        ({"bytes": "01"}, Code.INVALID, "needs either a command, or bytes and their f_port"),
        ({"command": "restart", "f_port": 1}, Code.INVALID, "needs either"),
        ({"command": "restart"}, Code.INVALID, "has no command restart; it has none"),
        ({"command": "restart", "codec": "nothing"}, Code.INVALID, "no codec is named nothing"),
        ({"bytes": "0", "f_port": 1}, Code.INVALID, "regex"),
        ({"bytes": "01", "f_port": 224}, Code.INVALID, "<= 223"),
    ],
)
async def test_a_downlink_that_cannot_be_sent_is_refused(
    device: str, ask: Ask, parameters: dict[str, Any], code: Code, why: str
) -> None:
    outcome = await ask("device/downlink", **({"dev_eui": device} | parameters))
    assert isinstance(outcome, Refusal)
    assert outcome.code is code
    assert why in outcome.message


async def test_a_device_without_a_codec_has_to_name_one(device: str, ask: Ask, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from installation"))
    outcome = await ask("device/downlink", dev_eui=device, command="restart")
    assert isinstance(outcome, Refusal)
    assert "No codec is chosen" in outcome.message


async def test_an_indicator_is_set_listed_and_removed(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(2)
    places = ["central", "central/level-1", "central/level-1/A-2"]
    outcome = await ask("indicator/set", dev_eui=LAMP, model="busylight", places=[*places, places[0]], buffer=2)
    assert outcome == Answer({"places": 3})
    listed = await ask("indicator/list")
    assert isinstance(listed, Answer)
    (one,) = listed.data["indicators"]
    assert (one["dev_eui"], one["places"], one["buffer"], one["state"]) == (LAMP, places, 2, None)
    assert await ask("indicator/set", dev_eui=LAMP, model="busylight", places=places[2:]) == Answer({"places": 1})
    assert await rows(engine, "select space.name from indicator_place join space on space.id = space_id") == [("A-2",)]
    assert await ask("indicator/remove", dev_eui=LAMP) == Answer()
    assert await rows(engine, "select from indicator_place") == []
    outcome = await ask("indicator/remove", dev_eui=LAMP)
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"model": "lamp"}, "There is no model lamp: there are busylight"),
        ({"places": ["central/level-2"]}, "There is no zone central/level-2"),
        ({"places": []}, "length"),
        ({"places": ["a/b/c/d"]}, "regex"),
        ({"buffer": -1}, ">= 0"),
    ],
)
async def test_an_indicator_that_cannot_work_is_refused(
    car_park: CarPark, ask: Ask, parameters: dict[str, Any], why: str
) -> None:
    await car_park(1)
    outcome = await ask(
        "indicator/set", **({"dev_eui": LAMP, "model": "busylight", "places": ["central"]} | parameters)
    )
    assert isinstance(outcome, Refusal)
    assert why in outcome.message
