"""The short form of the trials, on Mosquitto. `make proof-brokers` runs the long form on all engines."""

import asyncio

import pytest

from tests.brokers.engines.engine import Missing
from tests.brokers.engines.mosquitto import ENGINE
from tests.brokers.stand import stand_of
from tests.brokers.trials import tried
from tests.brokers.trials.size import SHORT
from tests.plugins.broker import NO_MOSQUITTO


def test_mosquitto_is_as_the_page_says() -> None:
    """Nothing is lost but by its `kill -9`. States, steps and stays are those that the uplinks demand by event time."""
    try:
        product = ENGINE.fetch()
    except Missing:
        pytest.skip(NO_MOSQUITTO)
    with stand_of(ENGINE) as stand:
        outcome = asyncio.run(tried(ENGINE, product, stand, SHORT))
    assert outcome.complaints == []
    assert outcome.cells["late uplinks"] == f"0 of {SHORT.backlog}"
