"""The retained topics of what is removed or renamed are cleared at once, with a real broker and a real database."""

import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.outbox.reading_back import ReadBackResult
from parking_gateway.process import wall_clock
from parking_gateway.requests.desk import Answer
from parking_gateway.store.pool import Pool
from tests.outbox.test_picture import Gateway, execute, retain, running
from tests.plugins.car_park import CarPark
from tests.requests.conftest import Ask, ask

__all__ = ["ask"]
A_1 = {"site": "central", "zone": "level-1", "space": "A-1"}
A_2 = A_1 | {"space": "A-2"}
AGAIN = "update outgoing set retry_at = now()"
"""The minute is over after which topics are cleared again."""


async def done(ask: Ask, verb: str, **parameters: Any) -> None:
    assert isinstance(await ask(verb, at=wall_clock.utc(), **parameters), Answer)


async def spaces(broker: Broker) -> set[str]:
    return {topic.removeprefix(f"{ROOT}/spaces/") for topic in await read_retained(broker.url, f"{ROOT}/spaces")}


async def counts(broker: Broker) -> list[int]:
    """The numbers of spaces that the zone and the site are said to have."""
    found = await read_retained(broker.url, f"{ROOT}/zones") | await read_retained(broker.url, f"{ROOT}/sites")
    return [json.loads(payload)["total"] for payload in found.values()]


async def publish(gateway: Gateway) -> None:
    """Twice, because the counts of zones become due by the first time."""
    await gateway.publish()
    await gateway.publish()


async def test_a_removed_space_is_cleared_and_counted_no_more(
    pool: Pool, mosquitto: Broker, car_park: CarPark, ask: Ask
) -> None:
    await car_park(2)
    async with running(pool, mosquitto) as gateway:
        await done(ask, "space/remove", **A_1)
        await publish(gateway)
        assert await spaces(mosquitto) == {"central/level-1/A-2"}
        assert await counts(mosquitto) == [1, 1]
        device = await read_retained(mosquitto.url, f"{ROOT}/devices/a840410000000001")
        assert [json.loads(payload)["space"] for payload in device.values()] == [None]
        assert await gateway.read_back() == ReadBackResult()


async def test_a_renamed_site_leaves_no_topic_behind(
    pool: Pool, mosquitto: Broker, car_park: CarPark, ask: Ask
) -> None:
    await car_park(2)
    async with running(pool, mosquitto) as gateway:
        await done(ask, "site/rename", site="central", name="north")
        await publish(gateway)
        assert await spaces(mosquitto) == {"north/level-1/A-1", "north/level-1/A-2"}
        assert await counts(mosquitto) == [2, 2]
        assert await gateway.read_back() == ReadBackResult()


async def test_two_spaces_swap_their_names_and_both_stay_published(
    pool: Pool, mosquitto: Broker, car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    """The old topics are the new ones of the other space."""
    await car_park(2)
    async with running(pool, mosquitto) as gateway:
        await done(ask, "space/rename", **A_1, name="B")
        await done(ask, "space/rename", **A_2, name="A-1")
        await done(ask, "space/rename", **(A_1 | {"space": "B"}), name="A-2")
        for _ in range(2):
            await publish(gateway)
            assert await spaces(mosquitto) == {"central/level-1/A-1", "central/level-1/A-2"}
            assert await gateway.read_back() == ReadBackResult()
            await execute(engine, AGAIN)


@pytest.mark.parametrize("verb", ["space/remove", "space/rename"])
async def test_a_gateway_that_was_late_is_cleared_behind(
    pool: Pool, mosquitto: Broker, car_park: CarPark, ask: Ask, engine: AsyncEngine, verb: str
) -> None:
    """It had read the space before, and publishes it after the topic was cleared."""
    await car_park(2)
    async with running(pool, mosquitto) as gateway:
        await done(ask, verb, **A_1, **({"name": "C"} if verb == "space/rename" else {}))
        await publish(gateway)
        await retain(mosquitto, f"{ROOT}/spaces/central/level-1/A-1", payload=b"{}")
        await gateway.publish()
        assert "central/level-1/A-1" in await spaces(mosquitto)
        await execute(engine, AGAIN)
        await publish(gateway)
        assert "central/level-1/A-1" not in await spaces(mosquitto)
