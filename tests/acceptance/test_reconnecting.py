"""How soon the gateway reconnects, and that two gateways with one client id reconnect less and less often."""

import asyncio
import json
import time
from datetime import datetime
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_logged, publish, settled, traffic, until

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


@pytest.mark.usefixtures("lasting")
async def test_two_gateways_with_one_client_id_reconnect_less_and_less_often(
    daemon: Daemon, second_daemon: Daemon, broker: Broker
) -> None:
    """Log and retained health of each name the other client."""
    second_daemon.configure(MQTT__CLIENT_ID="parking-gateway-test")
    daemon.start_and_wait()
    second_daemon.start_and_wait()
    for one in (daemon, second_daemon):
        await until(partial(has_logged, one, "Probably another client uses the same mqtt.client_id"), "a complaint")
    await until(partial(has_problem_in_health, broker), "a problem in the retained health")
    connected = partial(daemon.log_lines, "Connected to the broker")
    few = len(connected())
    await until(partial(has_lines, daemon, "Connected to the broker", few + 2), "two more connections")
    times = [datetime.fromisoformat(str(line["time"])) for line in connected()]
    # The first connection lasted until the second gateway had started, which takes its time on a busy machine.
    pauses = [(after - before).total_seconds() for before, after in pairwise(times[1:])]
    assert pauses[-1] > 2 * pauses[0], pauses
    assert "Traceback" not in daemon.log.read_text()


async def has_problem_in_health(broker: Broker) -> bool:
    retained = await read_retained(broker.url, f"{ROOT}/gateways")
    problems_by_gateway = [
        json.loads(payload)["problems"] for topic, payload in retained.items() if topic.endswith("/health")
    ]
    return any("mqtt.client_id" in problem for problems in problems_by_gateway for problem in problems)


@pytest.mark.usefixtures("lasting")
async def test_a_gateway_stays_connected_when_the_other_client_has_gone(
    daemon: Daemon, second_daemon: Daemon, broker: Broker
) -> None:
    """It can be stopped while it waits."""
    second_daemon.configure(MQTT__CLIENT_ID="parking-gateway-test")
    daemon.start_and_wait()
    second_daemon.start_and_wait()
    await until(partial(has_logged, daemon, "Probably another client uses the same mqtt.client_id"), "a complaint")
    assert await asyncio.to_thread(second_daemon.terminate) == 0
    count = len(daemon.log_lines("Connected to the broker"))
    await until(partial(is_online_after, daemon, broker, count), "one gateway that is online")
    assert await asyncio.to_thread(daemon.terminate) == 0


async def is_online_after(daemon: Daemon, broker: Broker, connections: int) -> bool:
    status = json.loads((await read_retained(broker.url, f"{ROOT}/gateways"))[f"{ROOT}/gateways/test"])
    return status["status"] == "online" and len(daemon.log_lines("Connected to the broker")) >= connections
