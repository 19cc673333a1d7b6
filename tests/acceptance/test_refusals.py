"""A broker that refuses a publication, or disconnects because of it, stops only that publication."""

import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_logged, has_refused, publish, settled, traffic, until, value

REFUSING = "max_queued_messages 1000000\n"
HANGING_UP = "max_queued_messages 0\n"
"""With this, Mosquitto 2.0 closes the connection when it refuses a publication."""
EVERYTHING = ("topic readwrite application/#", "topic readwrite parking/#", "topic readwrite audit/#")
Restricted = Callable[[str, str], Broker]
ONE_SPACE = f"topic deny {ROOT}/spaces/central/level-1/A-1"


@pytest.fixture
def acl(tmp_path: Path) -> Path:
    """The broker's ACL, writable by the test."""
    file = tmp_path / "acl"
    file.touch(0o644)
    return file


def restrict(acl: Path, *rules: str) -> None:
    acl.write_text("".join(f"{rule}\n" for rule in (*rules, *EVERYTHING)))


@pytest.fixture
def restricted(configured: Configured, acl: Path) -> Restricted:
    """Starts a broker with a rule in its ACL and lines in its configuration."""

    def start(rule: str, lines: str) -> Broker:
        restrict(acl, rule)
        return configured(f"acl_file {acl}\n{lines}")

    return start


def reload_acl(broker: Broker) -> None:
    """Let Mosquitto read its ACL again."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGHUP)


async def is_retained(broker: Broker, spaces: int) -> bool:
    retained = await read_retained(broker.url, ROOT)
    return sum(topic.startswith(f"{ROOT}/spaces/") for topic in retained) == spaces


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [("5", REFUSING), ("5", HANGING_UP), ("3.1.1", HANGING_UP)],
    ids=["MQTT 5, refusing", "MQTT 5, hanging up", "MQTT 3.1.1, hanging up"],
)
async def test_a_space_that_the_broker_refuses_delays_no_other(
    daemon: Daemon, restricted: Restricted, engine: AsyncEngine, car_park: CarPark, protocol: str, answer: str
) -> None:
    """Every other space, zone, site and device is published and confirmed, although the refused space is the first row.

    MQTT 3.1.1 has no refusal: without `max_queued_messages 0`, Mosquitto confirms the publication and drops it.
    """
    devices = await car_park(1200)
    broker = restricted(ONE_SPACE, answer)
    daemon.serve_pages()
    daemon.configure(MQTT__URL=broker.url, MQTT__PROTOCOL=protocol, PUBLICATION__POLL_INTERVAL="0.5")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=1200))

    async def holds() -> bool:
        due = "select (select count(*) from {0} where version <> published_version)"
        counts = [await value(engine, due.format(table)) for table in ("space", "zone", "site", "device")]
        return counts == [1, 0, 0, 0] and await value(engine, "select count(*) = 1200 from uplink")

    await until(holds, "everything confirmed but one space")
    assert f"{ROOT}/spaces/central/level-1/A-1" not in await read_retained(broker.url, ROOT)
    assert await is_retained(broker, 1199)
    assert daemon.metric("parking_gateway_publications_refused_total") > 0
    assert "The broker refuses a publication" in daemon.log.read_text()


async def test_a_refused_publication_is_published_when_the_acl_allows_it(
    daemon: Daemon, configured: Configured, engine: AsyncEngine, database: str, car_park: CarPark, acl: Path
) -> None:
    """Until then there is one warning, however often it is tried."""
    devices = await car_park(3)
    restrict(acl, ONE_SPACE)
    broker = configured(f"acl_file {acl}\n{REFUSING}")
    daemon.serve_pages()
    daemon.configure(MQTT__URL=broker.url, MQTT__PROTOCOL="5", PUBLICATION__POLL_INTERVAL="0.1")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=3))
    await until(partial(has_refused, daemon, 5), "five attempts")
    assert daemon.log.read_text().count("The broker refuses a publication") == 1
    restrict(acl)
    reload_acl(broker)
    await settled(engine, broker, database, uplinks=3)


@pytest.mark.parametrize("answer", [REFUSING, HANGING_UP], ids=["refusing", "hanging up"])
async def test_a_gateway_that_may_not_publish_its_own_status_works_all_the_same(
    daemon: Daemon, configured: Configured, engine: AsyncEngine, car_park: CarPark, acl: Path, answer: str
) -> None:
    """Birth, health and marker are handled like other publications."""
    devices = await car_park(20)
    restrict(acl, f"topic deny {ROOT}/gateways/#")
    broker = configured(f"acl_file {acl}\n{answer}")
    daemon.configure(MQTT__URL=broker.url, MQTT__PROTOCOL="5")
    daemon.start()
    await until(partial(has_logged, daemon, "The broker refuses a publication"), "a refusal")
    await publish(broker, traffic(devices, uplinks=20))
    await until(partial(is_retained, broker, 20), "20 spaces")
    assert await value(engine, "select count(*) from uplink") == 20
    assert "Traceback" not in daemon.log.read_text()


async def test_transitions_that_make_the_broker_disconnect_delay_no_state(
    daemon: Daemon, configured: Configured, engine: AsyncEngine, car_park: CarPark, acl: Path
) -> None:
    """With an ACL without the transitions, all states are published within seconds, not one with every connection."""
    devices = await car_park(50)
    restrict(acl, f"topic deny {ROOT}/transitions/#")
    broker = configured(f"acl_file {acl}\n{HANGING_UP}")
    daemon.configure(MQTT__URL=broker.url, PUBLICATION__POLL_INTERVAL="0.5")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=50))
    await until(partial(are_occupied, broker, 50), "50 occupied spaces")
    assert await value(engine, "select count(*) from uplink") == 50


async def are_occupied(broker: Broker, spaces: int) -> bool:
    retained = await read_retained(broker.url, f"{ROOT}/spaces")
    states = [json.loads(payload)["state"] for payload in retained.values()]
    return states.count("OCCUPIED") == spaces
