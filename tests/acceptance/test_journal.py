"""The database is away: events are acknowledged once they are in the journal, and recorded when it is back."""

import asyncio
import json
import resource
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import aiomqtt
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.store.journal_file import NAME
from tests import forked
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import (
    delete_store,
    has_logged,
    has_recorded,
    has_uplinks,
    publish,
    settled,
    traffic,
    unavailable,
    until,
)

pytestmark = pytest.mark.usefixtures("lasting")
KEEPS = "The database takes nothing: messages are kept in the journal"
EMPTY = "The journal is empty again: its messages are recorded"


@pytest.fixture
def keeping(daemon: Daemon) -> Daemon:
    """A gateway with pages, whose journal begins soon."""
    daemon.serve_pages()
    daemon.configure(REQUESTS__TIMEOUT="0.5")
    daemon.configure(JOURNAL__AFTER="0.5", DATABASE__RECONNECT_WAIT_MIN="0.1", DATABASE__RECONNECT_WAIT_MAX="0.3")
    return daemon


async def holds(daemon: Daemon, messages: int) -> bool:
    """Whether so many messages are in the journal, and none is unacknowledged."""
    return (
        daemon.metric("parking_gateway_journal_messages") >= messages
        and daemon.metric("parking_gateway_oldest_event_seconds") == 0
    )


async def health(broker: Broker) -> dict[str, object]:
    """The retained health of the gateway."""
    found: dict[str, object] = json.loads((await read_retained(broker.url, ROOT))[f"{ROOT}/gateways/test/health"])
    return found


async def test_the_broker_is_not_needed_any_more_for_what_came_during_an_outage(
    keeping: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    """Everything was acknowledged: the broker loses its store, and nothing is lost. All voices report the same.

    Its new session gets the events that come then, and these go into the journal too.
    """
    sent = traffic(await car_park(10), uplinks=900)
    keeping.start_and_wait()
    await publish(broker, sent[:300])
    await until(partial(has_recorded, engine, 299), "uplinks before the outage")
    uses = len(keeping.log_lines(KEEPS))  # a slow machine may have kept some of these already
    async with unavailable(database):
        for start in range(300, 800, 100):
            await publish(broker, sent[start : start + 100])
        await until(partial(holds, keeping, 500), "500 messages in the journal, and none that waits in the broker")
        await until(partial(_reports, broker, 500), "a health with the journal")
        assert await _answer(broker) == "unavailable"
        status, page = keeping.page("/readyz")
        assert (status, json.loads(page)["missing"]) == (503, ["database"])
        assert "500 events kept until the database is back; nothing is lost" in page
        assert keeping.page("/healthz")[0] == 200
        assert keeping.metric("parking_gateway_journal_bytes") > 500 * 500
        assert "500 events" in await asyncio.to_thread(_doctor, keeping)
        broker.kill()
        delete_store(tmp_path)
        broker.start()
        await until(partial(_is_online, broker), "a gateway on the broker that knows no session")
        await publish(broker, sent[800:])
        await until(partial(holds, keeping, 600), "600 messages in the journal")
    await settled(engine, broker, database, uplinks=900)
    await until(partial(has_logged, keeping, EMPTY), "the end of the journal's use")
    assert len(keeping.log_lines(KEEPS)) == uses + 1
    assert keeping.metric("parking_gateway_journal_messages") == 0
    assert (await _journal(broker))["dropped"] == 0
    assert keeping.terminate() == 0
    assert "Traceback" not in keeping.log.read_text()


async def _is_online(broker: Broker) -> bool:
    status = (await read_retained(broker.url, ROOT)).get(f"{ROOT}/gateways/test")
    return status is not None and json.loads(status)["status"] == "online"


async def _answer(broker: Broker) -> str:
    """The error of a request, which is no event and does not go into the journal."""
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        await client.subscribe(f"{ROOT}/response/#", qos=1)
        await client.publish(f"{ROOT}/request/state/republish", "{}", qos=1)
        reply = await anext(client.messages)
    return str(json.loads(bytes(reply.payload))["error"]["code"])


async def _reports(broker: Broker, rows: int) -> bool:
    return (await _journal(broker))["rows"] == rows


async def _journal(broker: Broker) -> dict[str, object]:
    journal = (await health(broker))["journal"]
    assert isinstance(journal, dict)
    return journal


def _doctor(daemon: Daemon) -> str:
    asked = forked.run("doctor", env=daemon.environment)
    return asked.stdout + asked.stderr


async def test_it_starts_and_works_without_a_database(
    keeping: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The first start of all: the session has no subscriptions yet. Stopped in between, it goes on where it was."""
    sent = traffic(await car_park(10), uplinks=300)
    async with unavailable(database):
        keeping.start_and_wait()
        await publish(broker, sent[:100])
        await until(partial(holds, keeping, 100), "100 messages in the journal")
        assert keeping.terminate() == 0
        await publish(broker, sent[100:200])
        keeping.start_and_wait()
        await publish(broker, sent[200:])
        await until(partial(holds, keeping, 300), "300 messages in the journal")
    await settled(engine, broker, database, uplinks=300)
    assert keeping.log_lines("The journal holds messages of an earlier run; they are recorded first")
    async with await psycopg.AsyncConnection.connect(database) as connection:
        cursor = await connection.execute("select filters from broker_session")
        assert await cursor.fetchall() == [(["application/+/device/+/event/+", "parking/v1/request/#"],)]
    assert keeping.terminate() == 0
    assert "Traceback" not in keeping.log.read_text()


def test_stopped_before_the_database_answered_it_begins_no_round(keeping: Daemon) -> None:
    """Else the log would end with failures of work that was never due."""
    keeping.configure(DATABASE__URL="postgresql://nobody@127.0.0.1:1/nothing")
    keeping.start_and_wait()
    assert keeping.terminate() == 0
    assert keeping.log_lines("Stopped")
    assert keeping.log_lines("A partition cannot be made now; trying again") == []
    assert keeping.log_lines("A round of the clock failed; trying again") == []


async def test_a_wrong_schema_ends_it_when_the_database_comes_back(
    keeping: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    """What is in the journal stays there until the schema is right."""
    sent = traffic(await car_park(10), uplinks=50)
    async with engine.begin() as connection:
        right = await connection.scalar(sa.text("select version_num from alembic_version"))
        await connection.execute(sa.text("update alembic_version set version_num = '0001'"))
    async with unavailable(database):
        keeping.start_and_wait()
        await publish(broker, sent)
        await until(partial(holds, keeping, 50), "50 messages in the journal")
    assert await asyncio.to_thread(keeping.wait) == 78
    async with engine.begin() as connection:
        assert await connection.scalar(sa.text("select count(*) from uplink")) == 0
        await connection.execute(sa.text(f"update alembic_version set version_num = '{right}'"))
    keeping.start_and_wait()
    await settled(engine, broker, database, uplinks=50)


async def test_a_full_disk_stops_acknowledgements_until_there_is_room(
    keeping: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Log and health name it. The broker keeps everything that does not fit."""
    sent = traffic(await car_park(10), uplinks=1_000)
    keeping.start_and_wait()
    _, hard = resource.prlimit(keeping.pid, resource.RLIMIT_FSIZE)
    async with unavailable(database):
        resource.prlimit(keeping.pid, resource.RLIMIT_FSIZE, (400_000, hard))
        await _publish_slowly(broker, sent)
        await until(partial(has_logged, keeping, "The journal cannot be written"), "a line about the disk")
        kept = keeping.metric("parking_gateway_journal_messages")
        assert 0 < kept < 1_000
        await until(partial(_has_problem, broker, "make room on its disk"), "a problem in the health")
        assert keeping.metric("parking_gateway_oldest_event_seconds") > 0
        resource.prlimit(keeping.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await until(partial(holds, keeping, 1_000), "the others in the journal")
        await until(partial(_has_no_problem, broker), "a health without the problem")
    await settled(engine, broker, database, uplinks=1_000)
    assert keeping.terminate() == 0


async def _publish_slowly(broker: Broker, sent: Sequence[tuple[str, bytes]]) -> None:
    for start in range(0, len(sent), 50):
        await publish(broker, sent[start : start + 50])


async def _has_problem(broker: Broker, words: str) -> bool:
    return words in str((await health(broker))["problems"])


async def _has_no_problem(broker: Broker) -> bool:
    return not await _has_problem(broker, "journal")


async def test_a_damaged_journal_is_set_aside_and_named(
    keeping: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    sent = traffic(await car_park(10), uplinks=20)
    keeping.start_and_wait()
    assert keeping.terminate() == 0
    (file,) = Path(keeping.environment["PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY"]).glob(NAME)  # noqa: ASYNC240 - short
    file.write_bytes(b"no database at all" * 1_000)
    keeping.start_and_wait()
    await until(partial(has_logged, keeping, f"is set aside as {file}.damaged-"), "a line with its new name")
    await until(partial(_has_problem, broker, "The journal was damaged"), "a problem in the health")
    await publish(broker, sent)
    await settled(engine, broker, database, uplinks=20)
    assert keeping.terminate() == 0


async def test_a_journal_that_is_switched_off_is_emptied_and_then_deleted(
    keeping: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Its messages are recorded, and none goes in. From the next start on there is no file, and nothing speaks of a journal."""
    sent = traffic(await car_park(5), uplinks=60)
    state = Path(keeping.environment["PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY"])
    keeping.start_and_wait()
    async with unavailable(database):
        await publish(broker, sent[:20])
        await until(partial(holds, keeping, 20), "20 messages in the journal")
        keeping.kill()
        await asyncio.to_thread(keeping.wait)
    keeping.configure(JOURNAL__MAX_BYTES="0")
    keeping.start_and_wait()
    await publish(broker, sent[20:40])
    await until(partial(has_uplinks, engine, 40), "the uplinks of the journal and of the broker")
    assert (state / NAME).exists()
    assert keeping.terminate() == 0
    keeping.start_and_wait()
    assert not [*state.glob(f"{NAME}*")]  # noqa: ASYNC240 - a short list
    uses = len(keeping.log_lines(KEEPS))
    async with unavailable(database):
        await publish(broker, sent[40:])
        await until(partial(_waits, keeping, 1.5), "events that wait in the broker")
        assert len(keeping.log_lines(KEEPS)) == uses
        assert await _has_no_problem(broker)
    await settled(engine, broker, database, uplinks=60)
    assert keeping.terminate() == 0


async def _waits(daemon: Daemon, seconds: float) -> bool:
    return daemon.metric("parking_gateway_oldest_event_seconds") > seconds
