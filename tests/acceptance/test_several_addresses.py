"""`mqtt.url` names several brokers: the gateway moves on within a second, says where it is, and makes the picture right."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from parking_gateway.cli.demo.retained import ROOT
from tests import forked
from tests.plugins.broker import Configured, mosquitto_in, write_passwords
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.proxy import Proxied
from tests.whole_gateway import publish, settled, traffic, until

CONNECTED, LOST = "Connected to the broker", "No connection to the broker"
HEALTH = f"{ROOT}/gateways/test/health"
BUSY = 2.0
"""Seconds beyond those of the gateway, for a busy machine."""


@pytest.fixture
def other(tmp_path: Path, broker: Broker) -> Iterator[Broker]:
    """A second Mosquitto, which shares nothing with the first."""
    folder = tmp_path / "other"
    folder.mkdir()
    second = mosquitto_in(folder)
    assert second.port != broker.port
    second.start()
    yield second
    second.stop()


async def has_connections(daemon: Daemon, count: int) -> bool:
    return len(daemon.log_lines(CONNECTED)) == count


async def addresses_of(daemon: Daemon) -> list[dict[str, Any]]:
    """The checks of the addresses by `doctor`."""
    ran = await asyncio.to_thread(forked.run, "doctor", "--listen", "0", "--json", env=daemon.environment)
    return [one for one in json.loads(ran.stdout) if one["about"] == "addresses"]


async def test_a_node_that_is_killed_costs_less_than_a_second(
    daemon: Daemon, broker: Broker, other: Broker, engine: AsyncEngine, database: str, car_park: CarPark
) -> None:
    """Twice: to the second, which knows nothing, and back to the first, which retains an older picture."""
    devices = await car_park(20)
    first, second = f"{LOCALHOST}:{broker.port}", f"{LOCALHOST}:{other.port}"
    daemon.configure(MQTT__URL=f"mqtt://{first},{second}", MQTT__RECONNECT_WAIT_MAX="0.2")
    daemon.serve_pages()
    daemon.start_and_wait()
    sent = traffic(devices, uplinks=60)
    await publish(broker, sent[:20])
    await settled(engine, broker, database, uplinks=20)

    broker.kill()
    await until(partial(has_connections, daemon, 2), "a connection to the other broker")
    moved = daemon.log_lines(CONNECTED)[1]
    assert moved["address"] == second
    assert float(str(moved["seconds"])) < 1 + BUSY
    await publish(other, sent[20:40])
    retained = await settled(engine, other, database, uplinks=40)
    assert json.loads(retained[HEALTH])["broker_address"] == second
    assert daemon.metric("parking_gateway_broker_sessions_lost_total") == 1
    assert f"{first} failed" in daemon.page("/readyz")[1]
    (check,) = await addresses_of(daemon)
    assert check["verdict"] == "warning"
    assert f"{first} of mqtt.url cannot be used" in check["detail"]

    broker.start()
    other.kill()
    await until(partial(has_connections, daemon, 3), "a connection to the first broker")
    assert daemon.log_lines(CONNECTED)[2]["address"] == first
    await publish(broker, sent[40:])
    await settled(engine, broker, database, uplinks=60)
    assert daemon.terminate() == 0


async def test_addresses_of_no_use_cost_a_second_each_at_most(
    daemon: Daemon, configured: Configured, tmp_path: Path, silent_port: int, proxied: Proxied, broker: Broker
) -> None:
    """One drops packets, one accepts connections and never answers, one refuses the password, on one nobody listens."""
    write_passwords(tmp_path / "passwords", {"somebody": "else"})
    guarded = configured(f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}\n")
    stalled = proxied(guarded.port)
    stalled.stall()
    ports = [silent_port, stalled.port, guarded.port, free_port(), broker.port]
    daemon.configure(
        MQTT__URL=f"mqtt://gateway:wrong@{','.join(f'{LOCALHOST}:{port}' for port in ports)}",
        TELEMETRY__LOG_LEVEL="DEBUG",
    )
    daemon.start_and_wait()
    connected = daemon.wait_for_line(CONNECTED)
    lines = daemon.log_lines(LOST)
    reasons = {str(line["address"]): line["error"] for line in lines}
    assert list(reasons) == [f"{LOCALHOST}:{port}" for port in ports[:-1]]
    for reason, words in zip(
        reasons.values(), ("does not answer", "gave no answer", "Not authorized", "Connect call failed"), strict=True
    ):
        assert words in str(reason)
    assert connected["address"] == f"{LOCALHOST}:{broker.port}"
    ends = [datetime.fromisoformat(str(line["time"])).timestamp() for line in lines]
    assert [after - before < 1 + BUSY for before, after in pairwise(ends)] == [True] * 3
