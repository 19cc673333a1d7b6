"""The whole gateway as a process, seen from outside: send uplinks, wait, read the database, the topics and the log."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import jsonschema
import psutil
import psycopg
import psycopg.conninfo
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.audit import wrong_steps
from parking_gateway.cli.demo.audited_topics import wrong_topics
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.recorded import read_database
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.events import OCCUPIED, VACANT, topic_of, up
from tests.plugins.daemon import Daemon

SCHEMAS = Path(__file__).parents[1] / "schemas"
PATIENCE = 60
"""Seconds, for something that takes one second on an idle machine."""
SCHEMA_BY_LEVEL = {"spaces": "space", "zones": "counts", "sites": "counts", "devices": "device", "gateways": "gateway"}
"""The schema by the first level of the topic after the root."""
DUE = """
select (select count(*) from space where version <> published_version)
    + (select count(*) from zone where version <> published_version)
    + (select count(*) from site where version <> published_version)
    + (select count(*) from device where version <> published_version)
    + (select count(*) from transition join space on space.id = transition.space where transition.id > published_transition)
"""
Sent = Sequence[tuple[str, bytes]]


async def publish(broker: Broker, sent: Sent) -> None:
    """Publish at QoS 1, and wait until the broker has confirmed all."""
    async with aiomqtt.Client(LOCALHOST, broker.port, max_queued_outgoing_messages=0) as client:
        client.pending_calls_threshold = len(sent)
        for start in range(0, len(sent), 100):
            await asyncio.gather(
                *(client.publish(topic, payload, qos=1) for topic, payload in sent[start : start + 100])
            )


async def until(holds: Callable[[], Awaitable[bool]], expected: str, *, but: Sequence[str] = ()) -> None:
    """Ask again and again until it holds. Polling, because the database does not notify of its changes.

    If it never holds, the failure names what was expected, and `but` what is there.
    """
    retrying = AsyncRetrying(
        retry=retry_if_result(lambda held: not held), wait=wait_fixed(0.02), stop=stop_after_delay(PATIENCE)
    )
    try:
        await retrying(holds)
    except RetryError:
        pytest.fail("\n".join((f"Not within {PATIENCE} seconds: {expected}", *but)))


async def has_recorded(engine: AsyncEngine, uplinks: int) -> bool:
    """Whether there are more uplinks than this."""
    return bool(await value(engine, f"select count(*) > {uplinks} from uplink"))


async def has_uplinks(engine: AsyncEngine, uplinks: int) -> bool:
    """Whether there are exactly as many uplinks."""
    return bool(await value(engine, f"select count(*) = {uplinks} from uplink"))


async def has_published(engine: AsyncEngine) -> bool:
    """Whether every publication is confirmed, and its confirmation is recorded."""
    return bool(await value(engine, DUE) == 0)


async def value(engine: AsyncEngine, query: str) -> Any:
    """The first column of the first row."""
    async with engine.connect() as connection:
        return await connection.scalar(sa.text(query))


async def differing_topics(broker: Broker, database: str) -> list[str]:
    """A sentence for each retained message that differs from the database."""
    return [*wrong_topics(await read_database(database), await read_retained(broker.url, ROOT), ROOT)]


async def settled(engine: AsyncEngine, broker: Broker, database: str, *, uplinks: int) -> dict[str, bytes]:
    """Wait until this number of uplinks is recorded and everything is published. Checks all rows and all retained messages.

    Returns the retained messages by topic.
    """
    wrong: list[str] = []

    async def holds() -> bool:
        recorded, due = await value(engine, "select count(*) from uplink"), await value(engine, DUE)
        wrong[:] = [f"{recorded} uplinks are recorded, and {due} rows wait for the broker"]
        if recorded < uplinks or due:
            return False
        wrong[:] = await differing_topics(broker, database)
        return not wrong

    await until(holds, f"{uplinks} uplinks, and retained messages that equal the database", but=wrong)
    assert [*wrong_steps(await read_database(database))] == []
    assert await value(engine, "select count(*) from uplink") == uplinks
    assert await value(engine, "select count(distinct deduplication_id) from uplink") == uplinks
    retained = await read_retained(broker.url, ROOT)
    for topic, payload in retained.items():
        validate(schema_of(topic), json.loads(payload))
    return retained


def traffic(devices: Sequence[str], *, uplinks: int) -> list[tuple[str, bytes]]:
    """Uplinks from these devices in turn: a car comes, a car goes."""
    return [
        (
            topic_of(devices[number % len(devices)]),
            up(
                devices[number % len(devices)],
                VACANT if number // len(devices) % 2 else OCCUPIED,
                at=number / 100,
                f_cnt=number // len(devices),
            ),
        )
        for number in range(uplinks)
    ]


def schema_of(topic: str) -> str:
    """The name of the schema of the messages on a topic."""
    _, _, level, _, *rest = topic.split("/")
    return rest[0] if level == "gateways" and rest else SCHEMA_BY_LEVEL[level]


def validate(name: str, message: object) -> None:
    """Check a message against the published schema, formats included."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.validate(message, schema, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())


@asynccontextmanager
async def unavailable(database: str) -> AsyncIterator[None]:
    """Inside, the database accepts no connections, and all connections are cut."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    server = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f"alter database {name} allow_connections false")
        await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            yield
        finally:
            await connection.execute(f"alter database {name} allow_connections true")


async def has_logged(daemon: Daemon, sentence: str) -> bool:
    """Whether the log has this text."""
    return sentence in daemon.log.read_text()


def delete_store(folder: Path) -> None:
    """Delete the store of a stopped Mosquitto: its sessions and its retained messages."""
    for store in folder.rglob("mosquitto.db*"):
        store.unlink()


@asynccontextmanager
async def halted(database: str) -> AsyncIterator[None]:
    """Inside, all processes of the server are suspended: the kernel accepts connections, and nothing answers them."""
    async with await psycopg.AsyncConnection.connect(database) as connection:
        server = psutil.Process(connection.info.backend_pid).parent()
    assert server is not None
    server.suspend()  # first, so that it starts no other process
    processes = [server, *server.children()]
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.suspend()
    try:
        yield
    finally:
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.resume()


async def has_refused(daemon: Daemon, times: int) -> bool:
    """Whether the broker has refused this number of publications."""
    return daemon.metric("parking_gateway_publications_refused_total") >= times


async def retained_versions(broker: Broker) -> dict[str, int]:
    """The retained versions of all spaces, by topic."""
    retained = await read_retained(broker.url, f"{ROOT}/spaces")
    return {topic: json.loads(payload)["version"] for topic, payload in retained.items()}


async def occupied_spaces(broker: Broker) -> int:
    """How many retained states are OCCUPIED."""
    retained = await read_retained(broker.url, f"{ROOT}/spaces")
    return [json.loads(payload)["state"] for payload in retained.values()].count("OCCUPIED")
