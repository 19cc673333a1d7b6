"""How soon the gateway is back after the broker, and that two with one client id do not fight for ever."""

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
"""Seconds between two attempts, here. The log gathers what comes within a second."""


A_LITTLE = 3.0
"""Seconds beyond it, on a machine that does other things too."""


async def has_lines(daemon: Daemon, message: str, times: int) -> bool:
    return len(daemon.log_lines(message)) >= times


@pytest.mark.usefixtures("lasting")
async def test_a_broker_that_dies_twice_is_found_again_as_soon_as_the_first_time(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """The second death comes a moment after the connection, and the failures before it do not count any more."""
    devices = await car_park(3)
    daemon.configure(MQTT__RECONNECT_WAIT_MIN=str(SHORTEST), MQTT__RECONNECT_WAIT_MAX=str(LONGEST))
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
    await publish(broker, traffic(devices, uplinks=3))
    await settled(engine, broker, database, uplinks=3)


@pytest.mark.usefixtures("lasting")
async def test_two_gateways_with_one_client_id_do_not_fight_for_ever(
    daemon: Daemon, second_daemon: Daemon, broker: Broker
) -> None:
    """Each says in log and retained health that there is another, and comes back less and less often."""
    second_daemon.configure(MQTT__CLIENT_ID="parking-gateway-test")
    daemon.start_and_wait()
    second_daemon.start_and_wait()
    for one in (daemon, second_daemon):
        await until(partial(has_logged, one, "Probably another client uses the same mqtt.client_id"), "a complaint")
    await until(partial(tells_of_it, broker), "the retained health says so")
    connected = partial(daemon.log_lines, "Connected to the broker")
    few = len(connected())
    await until(partial(has_lines, daemon, "Connected to the broker", few + 2), "two more connections")
    times = [datetime.fromisoformat(str(line["time"])) for line in connected()]
    # The first connection lasted until the second gateway had started, which takes its time on a busy machine.
    pauses = [(after - before).total_seconds() for before, after in pairwise(times[1:])]
    assert pauses[-1] > 2 * pauses[0], pauses
    assert "Traceback" not in daemon.log.read_text()


async def tells_of_it(broker: Broker) -> bool:
    retained = await read_retained(broker.url, f"{ROOT}/gateways")
    told = [json.loads(payload)["problems"] for topic, payload in retained.items() if topic.endswith("/health")]
    return any("mqtt.client_id" in problem for problems in told for problem in problems)


@pytest.mark.usefixtures("lasting")
async def test_a_gateway_whose_rival_has_gone_complains_no_more(
    daemon: Daemon, second_daemon: Daemon, broker: Broker
) -> None:
    """It stays connected, and can be stopped while it waits."""
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
