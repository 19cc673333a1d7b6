"""What doctor says about indicators."""

from typing import Any

import pytest
import sqlalchemy as sa

from parking_gateway.cli.doctor.indicators import examine_indicators
from parking_gateway.core.events import DevEui
from parking_gateway.process.config import Config
from parking_gateway.store import indicators
from parking_gateway.store.pool import Pool
from tests.plugins.car_park import CarPark

LAMP = DevEui("ca10000000000001")


async def checked(pool: Pool, config: Config) -> list[tuple[str, str]]:
    """The verdict and the detail of each check."""
    async with pool.connect() as connection:
        return [(one.verdict, one.detail) for one in await examine_indicators(connection, config=config)]


async def test_without_indicators_there_is_no_check(pool: Pool) -> None:
    assert await checked(pool, Config()) == []


@pytest.mark.parametrize(
    ("then", "settings", "verdict", "detail"),
    [
        ("select", {}, "fine", "1 indicator, 1 not set yet"),
        ('update device set downlink = \'{"state": "shown"}\'', {}, "fine", "1 indicator, 0 not set yet"),
        ('update device set downlink = \'{"state": "failed"}\'', {}, "wrong", f"({LAMP}) whose downlinks fail"),
        ("update indicator set model = 'gone'", {}, "wrong", f"({LAMP}) of a model that does not exist"),
        ("delete from indicator_place", {}, "wrong", f"({LAMP}) without a place"),
        ("select", {"chirpstack": {"topic": "+/application/+/device/+/event/+"}}, "wrong", "where downlinks go"),
    ],
)
async def test_an_indicator_that_cannot_show_its_places_is_named(
    pool: Pool, car_park: CarPark, *, then: str, settings: dict[str, Any], verdict: str, detail: str
) -> None:
    await car_park(1)
    async with pool.connect() as connection:
        await connection.commit_together(
            *indicators.add(LAMP, model="busylight", buffer=0, hysteresis=0, places=[{"space_id": 1}])
        )
    async with pool.engine.begin() as raw:
        await raw.execute(sa.text(then))
    ((judged, sentence),) = await checked(pool, Config(**settings))
    assert (judged, detail in sentence) == (verdict, True), sentence
