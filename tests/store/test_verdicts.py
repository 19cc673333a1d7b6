"""Errors of PostgreSQL by SQLSTATE: the cause, the message and what to do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store.patience import DatabaseUnusable, Patience, Refused, attempt
from parking_gateway.store.pool import Pool, opened
from parking_gateway.store.verdicts import Diagnosis, Verdict, diagnosis_of
from tests.plugins.postgres import OwnServer

AWAY, FAULT, NOT_OURS, BUG = Verdict.AWAY, Verdict.FAULT, Verdict.NOT_OURS, Verdict.BUG
BY_STATE = {
    **dict.fromkeys(["22003", "22P02", "22P05", "23514", "23503", "23P01", "54000"], FAULT),
    **dict.fromkeys(["08006", "25006", "25P02", "26000", "0A000", "40001", "40P01", "42P05"], AWAY),
    **dict.fromkeys(["53100", "53300", "55P03", "57014", "57P03", "58030", "XX000", "XX001"], AWAY),
    **dict.fromkeys(["28000", "28P01", "3D000", "3F000", "42501", "42P01", "42703", "42804"], NOT_OURS),
    **dict.fromkeys(["21000", "P0001", "ZZ123"], BUG),
}


async def answered(engine: AsyncEngine, statement: str) -> Diagnosis:
    """The meaning of the error of this statement."""
    with pytest.raises(sa.exc.DBAPIError) as failed:
        async with engine.begin() as connection:
            await connection.execute(sa.text(statement))
    return diagnosis_of(failed.value)


@pytest.mark.parametrize("state", BY_STATE)
async def test_every_sqlstate_has_one_verdict(engine: AsyncEngine, state: str) -> None:
    answer = await answered(engine, f"do $$ begin raise exception 'as\n it is' using errcode = '{state}'; end $$")
    assert (answer.verdict, answer.message) == (BY_STATE[state], "as it is")


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        ("insert into device (dev_eui) values ('no hexadecimal')", FAULT),
        ("insert into device (dev_eui) values (null)", FAULT),
        ("insert into device (dev_eui, snr) values ('0000000000000001', 1e308)", FAULT),
        ("insert into site (name) values ('a'), ('a')", NOT_OURS),
        ("insert into zone (site_id, name) values (4711, 'a')", NOT_OURS),
        ("alter table site add other int not null; insert into site (name) values ('a')", NOT_OURS),
        ("select * from nowhere", NOT_OURS),
        ("select nothing from site", NOT_OURS),
        ("execute nothing", AWAY),
    ],
)
async def test_a_refused_row_is_the_message_s_fault_only_because_of_its_values(
    database: str, statement: str, verdict: Verdict
) -> None:
    with psycopg.connect(database) as connection, pytest.raises(psycopg.Error) as failed:
        connection.execute(statement.encode())
    assert diagnosis_of(failed.value).verdict is verdict


async def test_a_missing_partition_is_not_the_message_s_fault(engine: AsyncEngine) -> None:
    """Its SQLSTATE is that of a check, and its message depends on the server's language."""
    columns = "deduplication_id, dev_eui, time, received_at, f_cnt, f_port, data, confirmed, gateway_count"
    row = "gen_random_uuid(), '', now(), now(), 1, 1, '', false, 1"
    async with engine.begin() as connection:
        await connection.execute(sa.text("alter table uplink detach partition uplink_default"))
    answer = await answered(engine, f"insert into uplink ({columns}) values ({row})")
    assert answer.verdict is NOT_OURS
    assert answer.sentence.endswith(
        "Attach the partition of the named table again, such as: alter table uplink attach partition uplink_default default"
    )


@pytest.fixture
async def own_pool(own_server: OwnServer) -> AsyncIterator[Pool]:
    """The gateway's own pool, on a server of the test's own."""
    async with opened(own_server.url, DatabaseConfig()) as pool:
        yield pool


async def _ask(pool: Pool) -> int:
    async with pool.engine.connect() as connection:
        return int(await connection.scalar(sa.text("select 42")))


async def test_connections_that_died_in_the_pool_cost_no_attempt(own_pool: Pool, own_server: OwnServer) -> None:
    """Five stand when the server restarts. The pool lends none of them afterwards."""
    connections = [await own_pool.engine.connect() for _ in range(5)]
    for connection in connections:
        await connection.scalar(sa.text("select 42"))
    for connection in connections:
        await connection.close()
    own_server.stop()
    own_server.start()
    for _ in range(5):
        assert await attempt(lambda: _ask(own_pool)) == 42


async def test_a_success_wakes_the_waits_for_a_connection(own_pool: Pool, own_server: OwnServer) -> None:
    """A wait of a minute ends at once, and its purpose fails no longer."""
    reports: list[tuple[str, bool]] = []
    minute = Backoff(shortest=timedelta(minutes=1), longest=timedelta(minutes=1))
    failing = asyncio.Event()

    def report(purpose: str, failure: Diagnosis | None) -> None:
        reports.append((purpose, failure is None))
        failing.set()

    patience = Patience(own_pool, backoff=minute, stop=asyncio.Event(), report=report)
    own_server.stop()
    waiting = asyncio.create_task(patience(lambda: _ask(own_pool), purpose="waiting"))
    await failing.wait()
    own_server.start()
    async with asyncio.timeout(10):
        assert await patience(lambda: _ask(own_pool), purpose="other") == 42
        assert await waiting == 42
    assert reports == [("waiting", False), ("other", True), ("waiting", True)]


async def test_a_commit_whose_wait_for_the_standby_was_cancelled_does_not_count(
    own_pool: Pool, own_server: OwnServer
) -> None:
    """It holds without the pipeline too."""

    async def work() -> None:
        async with own_pool.engine.begin() as connection:
            await connection.execute(sa.text("insert into site (name) values ('here alone')"))

    async def cancel() -> None:
        async with await psycopg.AsyncConnection.connect(own_server.url, autocommit=True) as operator:
            row = None
            while row is None:
                waits = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
                row = await (await operator.execute(waits)).fetchone()

    own_server.configure("alter system set synchronous_standby_names = 'nobody'")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(cancel())
        with pytest.raises(DatabaseUnusable, match="on this server alone"):
            await attempt(work)
    own_server.configure("alter system reset synchronous_standby_names")
    async with own_pool.engine.connect() as connection:
        assert await connection.scalar(sa.text("select count(*) from site")) == 1


async def test_one_attempt_raises_what_another_attempt_may_cure(pool: Pool) -> None:
    async def fail(state: str) -> None:
        async with pool.engine.begin() as connection:
            await connection.execute(sa.text(f"do $$ begin raise 'why' using errcode = '{state}'; end $$"))

    with pytest.raises(Refused, match="why"):
        await attempt(lambda: fail("22003"))
    with pytest.raises(DatabaseUnusable, match=r"why.*Grant the role"):
        await attempt(lambda: fail("42501"))
    with pytest.raises(sa.exc.DBAPIError):
        await attempt(lambda: fail("P0001"))


@pytest.mark.parametrize(
    ("words", "is_for_a_person"),
    [
        ("FATAL:  too many connections for role", True),
        ("FATAL:  the database system is starting up", False),
        ("Connection refused", False),
    ],
)
def test_a_refused_connection_is_for_a_person_unless_it_passes(words: str, *, is_for_a_person: bool) -> None:
    """Its words are all that libpq gives of it."""
    found = diagnosis_of(psycopg.OperationalError(f"connection to server at 127.0.0.1 failed: {words}"))
    assert found.verdict is Verdict.AWAY
    assert bool(found.todo) is is_for_a_person
