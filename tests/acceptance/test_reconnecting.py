"""How soon the gateway reconnects, and that two gateways with one client id reconnect less and less often."""

import time
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import publish, settled, traffic, until

SHORTEST, LONGEST = 1.0, 1.5
"""Seconds between two attempts here. The log joins lines that come within a second."""


A_LITTLE = 3.0
"""Seconds beyond it, for a busy machine."""


async def has_lines(daemon: Daemon, message: str, times: int) -> bool:
    return len(daemon.log_lines(message)) >= times


@pytest.mark.usefixtures("lasting")
async def test_the_second_reconnect_is_as_fast_as_the_first(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """The broker dies again right after the connection; the failures before it do not count any more."""
    devices = await car_park(3)
    daemon.configure(MQTT__RECONNECT_WAIT_MIN=str(SHORTEST), MQTT__RECONNECT_WAIT_MAX=str(LONGEST))
    daemon.configure(TELEMETRY__LOG_LEVEL="DEBUG")  # an operator sees the first attempt of each row
    daemon.start_and_wait()
    for death, failures in ((1, 4), (2, 2)):
        before = len(daemon.log_lines("No connection to the broker"))
        broker.kill()
        more = partial(has_lines, daemon, "No connection to the broker", before + failures)
        await until(more, "a lost connection and failed attempts")
        broker.start()
        answers = time.monotonic()
        await until(partial(has_lines, daemon, "Connected to the broker", death + 1), "a connection")
        assert time.monotonic() - answers < LONGEST + A_LITTLE
        _, *attempts = [line["attempt"] for line in daemon.log_lines("No connection to the broker")][before:]
        assert attempts == list(range(1, len(attempts) + 1))
        warnings = [line for line in daemon.log_lines("No connection to the broker") if line["level"] == "WARNING"]
        assert len(warnings) == death
        assert float(str(daemon.log_lines("Connected to the broker")[-1]["seconds"])) > 0
    await publish(broker, traffic(devices, uplinks=3))
    await settled(engine, broker, database, uplinks=3)
