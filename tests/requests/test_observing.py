"""Observe first, by orders of people: a sensor leaves its space and comes back, and a replay brings no observed uplink to it."""

from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.committed import Committed
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.replay.stored import Replayer
from parking_gateway.requests.desk import Answer, Code, Refusal
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT
from tests.register.test_observing import LEFT, STATE, later, observed
from tests.register.test_registering import ONE, TWO, entry, kept, recorded, rows, sent
from tests.requests.conftest import Ask


async def answered(ask: Ask, verb: str, **parameters: Any) -> tuple[Any, Committed]:
    outcome = await ask(verb, **parameters)
    assert isinstance(outcome, Answer), outcome
    return msgspec.to_builtins(outcome.data), outcome.committed


async def test_a_person_takes_a_sensor_out_of_its_space_and_back(engine: AsyncEngine, ask: Ask) -> None:
    await kept(engine, entry("A", ONE), entry("A", TWO))
    await recorded(engine, *sent(ONE, VACANT), *sent(TWO, OCCUPIED))
    assert await rows(engine, STATE) == [("OCCUPIED", "occupied", "live", True)]
    data, committed = await answered(ask, "device/observe", dev_eui=TWO)
    assert data == {"spaces": ["central/level-1/A"], "observe": True}
    assert [(step.before, step.after, step.cause) for step in committed.steps] == [
        ("OCCUPIED", "FREE", "sensors changed by anna")
    ]
    assert await rows(engine, STATE) == [("FREE", "vacant", "live", False)]
    await later(engine, TWO, OCCUPIED, at=1)
    assert await rows(engine, STATE) == [("FREE", "vacant", "live", False)]
    data, committed = await answered(ask, "device/observe", dev_eui=TWO, observe=False)
    assert (data["observe"], committed.steps) == (None, [])
    assert await rows(engine, STATE) == [("FREE", "vacant", "live", True)]
    await later(engine, TWO, OCCUPIED, at=2)
    assert await rows(engine, STATE) == [("OCCUPIED", "occupied", "live", True)]


async def test_an_order_begins_anew_whatever_was_wished_before(engine: AsyncEngine, ask: Ask) -> None:
    await kept(engine, observed(entry("A", ONE), 1))
    await later(engine, ONE, OCCUPIED, OCCUPIED, at=0)
    assert await rows(engine, STATE) == [("OCCUPIED", "occupied", "live", False)]
    await answered(ask, "device/observe", dev_eui=ONE, observe=1)
    assert await rows(engine, LEFT) == [(1, 1)]
    await later(engine, ONE, OCCUPIED, at=2)
    assert await rows(engine, LEFT) == [(1, None)]
    place = {"site": "central", "zone": "level-1", "space": "A"}
    for _ in range(2):
        await answered(ask, "device/assign", **place, dev_eui=ONE, observe=1)
        assert await rows(engine, LEFT) == [(1, 1)]
    assert await rows(engine, STATE) == [("FREE", None, "never", False)]


async def test_an_order_names_an_installed_sensor(engine: AsyncEngine, ask: Ask) -> None:
    await kept(engine, entry("A", ONE))
    for parameters, code, sentence in (
        ({"dev_eui": TWO}, Code.NOT_FOUND, f"The device {TWO} watches no space"),
        ({"dev_eui": ONE, "channel": 2}, Code.NOT_FOUND, f"Channel 2 of the device {ONE} watches no space"),
        ({"dev_eui": ONE, "observe": -1}, Code.INVALID, "observe cannot be '-1', only a number of uplinks"),
        ({"dev_eui": "x"}, Code.INVALID, "dev_eui cannot be 'x'"),
        ({"dev_eui": ""}, Code.INVALID, "dev_eui is empty"),
    ):
        outcome = await ask("device/observe", **parameters)
        assert isinstance(outcome, Refusal)
        assert (outcome.code, outcome.message.startswith(sentence)) == (code, True), outcome.message


async def test_a_replay_reads_observed_uplinks_again_and_brings_none_to_the_space(
    engine: AsyncEngine, pool: Pool, ask: Ask
) -> None:
    """Also when they are observed no longer: the next uplink is the first."""
    await kept(engine, observed(entry("A", ONE, codec="bosch_tps110_v039"), 9))
    await later(engine, ONE, OCCUPIED, VACANT, OCCUPIED, at=0)
    replayer = Replayer(database=pool, guests=Guests(Decoder()), clock=lambda: NOON)
    for codec, readings in (("bosch_tps110_v039", 3), ("bosch_tps110_v029", 3)):
        place = {"site": "central", "zone": "level-1", "space": "A"}
        await answered(ask, "device/assign", **place, dev_eui=ONE, codec=codec, also=True)
        await replayer.replay({ONE: NOON})
        assert await rows(engine, "select codec, count(*) from observed group by codec") == [(codec, readings)]
    assert await rows(engine, "select occupancy from observed order by at") == [
        ("occupied",),
        ("vacant",),
        ("occupied",),
    ]
    await answered(ask, "device/observe", dev_eui=ONE, observe=False)
    await replayer.replay({ONE: NOON})
    assert await rows(engine, STATE) == [("FREE", None, "never", False)]
    assert await rows(engine, "select count(*) from late") == [(0,)]
