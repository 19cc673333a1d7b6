"""Two database servers: the gateway moves to the promoted one, notices lost rows, and refuses an old primary."""

import asyncio
import json
from functools import partial
from http import HTTPStatus

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.process.config.database_url import parameters
from parking_gateway.store.known_server import CHANGED
from tests import forked
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.pair import Pair
from tests.whole_gateway import has_logged, has_recorded, publish, retained_versions, settled, traffic, until

UPLINKS = 3000


@pytest.fixture
def engine(pair: Pair) -> AsyncEngine:
    """The pair, for SQL of the test's own."""
    return engine_of(pair.url)


def engine_of(url: str) -> AsyncEngine:
    """An engine that keeps no connection."""
    return create_async_engine("postgresql+psycopg://", poolclass=NullPool, connect_args=parameters(url))


@pytest.fixture
def moving(daemon: Daemon, pair: Pair) -> Daemon:
    """A daemon for the pair."""
    daemon.configure(DATABASE__URL=pair.url, DATABASE__RECONNECT_WAIT_MIN="0.1", DATABASE__RECONNECT_WAIT_MAX="0.3")
    daemon.serve_pages()
    return daemon


async def has_problem(daemon: Daemon, sentence: str) -> bool:
    """Whether the health has a problem with this text."""
    _, body = daemon.page("/readyz")
    return any(sentence in one for one in json.loads(body).get("problems", []))


async def has_no_problem_with(daemon: Daemon, sentence: str) -> bool:
    """Whether the health has no problem with this text."""
    return not await has_problem(daemon, sentence)


async def has_no_problem(daemon: Daemon) -> bool:
    """Whether the health has no problem."""
    _, body = daemon.page("/readyz")
    return not json.loads(body).get("problems", [])


async def has_journal(daemon: Daemon) -> bool:
    """Whether events are in the journal."""
    return daemon.metric("parking_gateway_journal_messages") > 0


def doctor(daemon: Daemon) -> str:
    """The output of `parking-gateway doctor` with the settings of the daemon."""
    return forked.run("doctor", "--listen", "0", env=daemon.environment).stdout


async def is_ready(daemon: Daemon) -> bool:
    """Whether /readyz answers 200."""
    return daemon.page("/readyz")[0] == HTTPStatus.OK


async def test_acknowledged_is_on_the_promoted_server_when_the_primary_dies_under_load(
    moving: Daemon, broker: Broker, pair: Pair, engine: AsyncEngine, car_park: CarPark
) -> None:
    pair.start()
    pair.be_synchronous()
    devices = await car_park(20)
    moving.start_and_wait()
    sent = traffic(devices, uplinks=UPLINKS)
    publishing = asyncio.create_task(publish(broker, sent))
    await until(partial(has_recorded, engine, 200), "uplinks on the first server")
    pair.first.kill()
    pair.second.promote()
    assert 200 < pair.second.value("select count(*) from uplink") < UPLINKS
    # As after pg_basebackup, the promoted server waits for a standby too, and there is none.
    await until(partial(has_problem, moving, "and none is connected"), "a problem with the standby")
    pair.second.execute("alter system set synchronous_standby_names = ''", "select pg_reload_conf()")
    await publishing
    await settled(engine, broker, pair.second.url, uplinks=UPLINKS)
    (line,) = moving.log_lines(CHANGED)
    assert (line["timeline_before"], line["timeline"]) == (1, 2)
    await until(partial(has_problem, moving, "moved from timeline 1 to 2"), "the change in the health")
    await until(partial(has_no_problem_with, moving, "and none is connected"), "no problem with the standby any more")
    assert moving.terminate() == 0
    assert "Traceback" not in moving.log.read_text()


async def test_after_a_failover_that_lost_rows_the_retained_states_are_those_of_the_database_with_higher_versions(
    moving: Daemon, broker: Broker, pair: Pair, engine: AsyncEngine, car_park: CarPark
) -> None:
    pair.start()
    devices = await car_park(5)
    moving.start_and_wait()
    sent = traffic(devices, uplinks=15)
    await publish(broker, sent[:5])
    await settled(engine, broker, pair.first.url, uplinks=5)
    pair.wait_until_replayed()
    pair.second.stop()
    await publish(broker, sent[5:])
    await settled(engine, broker, pair.first.url, uplinks=15)
    before = await retained_versions(broker)
    last_step = pair.first.value("select max(id) from transition")
    pair.first.kill()
    pair.second.start()
    assert pair.second.value("select count(*) from uplink") == 5
    pair.second.promote()
    await until(partial(has_logged, moving, CHANGED), "a line about the change")
    await settled(engine, broker, pair.second.url, uplinks=5)
    after = await retained_versions(broker)
    assert after.keys() == before.keys()
    assert all(after[topic] > before[topic] for topic in before)
    await publish(broker, traffic(devices, uplinks=20)[15:])
    await settled(engine, broker, pair.second.url, uplinks=10)
    assert pair.second.value("select max(id) from transition") > last_step
    assert moving.terminate() == 0


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "while it is away"])
async def test_an_old_primary_that_came_back_is_refused(
    moving: Daemon, broker: Broker, pair: Pair, engine: AsyncEngine, car_park: CarPark, *, is_running: bool
) -> None:
    """It is the first of the URL and accepts writes. With the promoted one it is left out, alone it is waited away."""
    pair.start()
    devices = await car_park(5)
    moving.start_and_wait()
    sent = traffic(devices, uplinks=15)
    await publish(broker, sent[:5])
    await settled(engine, broker, pair.first.url, uplinks=5)
    pair.wait_until_replayed()
    pair.first.kill()
    pair.second.promote()
    await publish(broker, sent[5:10])
    await settled(engine, broker, pair.second.url, uplinks=10)
    if not is_running:
        assert moving.terminate() == 0
    pair.first.start()
    if not is_running:
        moving.start_and_wait()
    pair.second.cut()
    await publish(broker, sent[10:])
    await settled(engine_of(pair.second.url), broker, pair.second.url, uplinks=15)
    pair.second.stop()
    await until(partial(has_logged, moving, "it is an old primary"), "a line about the old primary")
    assert any("it is an old primary" in reason for reason in json.loads(moving.page("/readyz")[1])["why"])
    assert pair.first.value("select count(*) from uplink") == 5
    pair.second.start()
    await until(partial(is_ready, moving), "a gateway that is ready again")
    assert pair.first.value("select count(*) from uplink") == 5
    assert moving.terminate() == 0


async def test_a_standby_that_is_gone_is_named_and_the_waiting_commits_are_doubled_nowhere(
    moving: Daemon, broker: Broker, pair: Pair, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Commits wait, so the events go into the journal, and are committed again when the standby is back."""
    pair.start()
    pair.be_synchronous()
    devices = await car_park(5)
    moving.configure(JOURNAL__AFTER="0.5")
    moving.start_and_wait()
    await publish(broker, traffic(devices, uplinks=5))
    await settled(engine, broker, pair.first.url, uplinks=5)
    pair.second.kill()
    await publish(broker, traffic(devices, uplinks=20)[5:])
    await until(partial(has_problem, moving, "of the gateway waiting)"), "a problem")
    await until(partial(has_journal, moving), "events in the journal")
    ended = await asyncio.to_thread(doctor, moving)
    assert "wrong    standby: Every commit waits for a standby" in ended
    pair.second.start()
    await settled(engine, broker, pair.first.url, uplinks=20)
    await until(partial(has_no_problem, moving), "a health without a problem")
    assert moving.terminate() == 0
