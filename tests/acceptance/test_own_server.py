"""A server that stops and starts, and one whose commits wait for a standby, under a running gateway."""

import asyncio
from functools import partial

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.postgres import OwnServer
from tests.whole_gateway import has_logged, has_recorded, publish, settled, traffic, until, value

LOCK_TIMEOUT = 10
"""The default in seconds: how long a statement waits for a lock."""
WAITING = "select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'"


@pytest.fixture
def database(own_server: OwnServer) -> str:
    """The database of the own server, for every fixture here."""
    return own_server.url


async def test_the_first_commit_comes_within_two_seconds_after_the_server_is_back(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, own_server: OwnServer
) -> None:
    """Three times, after outages that were long enough for every wait to reach its maximum."""
    devices = await car_park(10)
    sent = traffic(devices, uplinks=400)
    daemon.start_and_wait()
    for outage in range(3):
        await publish(broker, sent[outage * 100 : outage * 100 + 50])
        await until(partial(has_recorded, engine, outage * 100 + 49), "uplinks before the outage")
        own_server.stop()
        await publish(broker, sent[outage * 100 + 50 : outage * 100 + 100])
        await until(partial(has_logged, daemon, "The database does not answer; trying again"), "a warning")
        await asyncio.sleep(2)  # how long it is away: every wait is at most a second
        own_server.start()
        back = asyncio.get_running_loop().time()
        await until(partial(has_recorded, engine, outage * 100 + 50), "a commit")
        assert asyncio.get_running_loop().time() - back < 2
    await publish(broker, sent[300:])
    await settled(engine, broker, database, uplinks=400)
    assert daemon.terminate() == 0


@pytest.mark.usefixtures("lasting")
async def test_uplinks_that_the_standby_does_not_have_are_not_acknowledged(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, own_server: OwnServer
) -> None:
    """An operator cancels the waits again and again; then this server is lost, with the commits that only it had."""
    devices = await car_park(10)
    daemon.start_and_wait()
    own_server.configure("alter system set synchronous_standby_names = 'nobody'")
    publishing = asyncio.create_task(publish(broker, traffic(devices, uplinks=100)))
    for _ in range(3):
        await until(partial(value, engine, WAITING), "a commit that waits for the standby, and is cancelled")
    await until(partial(has_logged, daemon, "the commit is on this server alone"), "the reason")
    await until(partial(has_logged, daemon, "PostgreSQL warns"), "the server's own warning")
    await until(partial(value, engine, WAITING), "a commit that waits once more")
    await publishing
    daemon.kill()
    own_server.configure(
        "alter system reset synchronous_standby_names"
    )  # first, because a commit that waits keeps its locks
    own_server.configure("truncate uplink, transition")
    assert await value(engine, "select count(*) from uplink") == 0
    daemon.start_and_wait()
    await until(partial(has_recorded, engine, 99), "all uplinks, which the broker still has")
    assert daemon.terminate() == 0


async def test_a_dump_holds_up_nothing(
    daemon: Daemon, second_daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """It locks all tables as pg_dump does: two gateways start, uplinks are recorded, and the month is made afterwards."""
    devices = await car_park(10)
    sent = traffic(devices, uplinks=200)
    async with await psycopg.AsyncConnection.connect(database) as dump:
        await dump.execute("lock table uplink, space, device, transition in access share mode")
        daemon.start_and_wait()
        await until(partial(has_logged, daemon, "A partition cannot be made now"), "an attempt")
        second_daemon.start_and_wait()
        await until(partial(has_logged, second_daemon, "A partition cannot be made now"), "an attempt")
        assert second_daemon.terminate() == 0
        began = asyncio.get_running_loop().time()
        await publish(broker, sent)
        await until(partial(has_recorded, engine, 199), "all uplinks")
        assert asyncio.get_running_loop().time() - began < LOCK_TIMEOUT
        assert daemon.log.read_text().count("A partition cannot be made now") == 1
    months = "select count(*) from pg_inherits where inhparent = 'uplink'::regclass"
    await until(partial(_are, engine, months, 4), "the default partition and those of three months")
    await settled(engine, broker, database, uplinks=200)
    assert daemon.terminate() == 0


async def _are(engine: AsyncEngine, query: str, number: int) -> bool:
    return bool(await value(engine, query) == number)
