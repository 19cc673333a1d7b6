"""A million rows are dumped, restored into another server, and dropped, under load."""

import asyncio
import subprocess
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import psycopg

from benchmarks.retention import fill
from parking_gateway.store import embedded
from parking_gateway.store.partitions import month_of
from tests.databases.registry import trial
from tests.databases.trials.pair import PER_SECOND
from tests.databases.waits import transactions_during
from tests.plugins.postgres import own_server_in
from tests.proof.rig import Rig
from tests.whole_gateway import until

_ROWS = 1_000_000
_MONTHS_AGO = 20
_CONTENT = "select count(*), sum(hashtextextended(one::text, 0)) from {table} one"
_QUIET = 5.0


@trial("dump", "`pg_dump` of a million rows under load, restored into another server and compared", short=0, long=1)
async def dumped(rig: Rig, times: int) -> None:
    assert times == 1
    table = await asyncio.to_thread(_fill, rig)
    rig.gateway.configure(RETENTION__UPLINKS="0")
    folder = rig.folder / "restored"
    folder.mkdir(mode=0o755)
    restored = rig.afterwards.enter_context(own_server_in(folder))
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.settle()
        rig.reports.append(await transactions_during(rig, asyncio.sleep(_QUIET), "before"))
        dump = rig.folder / "dump"
        order = ("pg_dump", "--format=custom", "--compress=1", "--file", str(dump), rig.server.url)
        began = rig.seconds()
        rig.reports.append(await transactions_during(rig, asyncio.to_thread(_run, *order), "during the dump"))
        rig.reports.append(f"the dump took {rig.seconds() - began:.0f} s and has {dump.stat().st_size / 1e6:.0f} MB")
        await rig.settle()
    await asyncio.to_thread(_restore, restored.url, dump)
    ours, theirs = (_content(url, table) for url in (rig.server.url, restored.url))
    rig.happened(ours == theirs and ours[0] == _ROWS)
    assert _ids(restored.url) <= rig.ledger.sent.keys()
    await asyncio.to_thread(_forget, rig, table)


@trial(
    "month",
    "a month of a million rows is dropped under load, after `pg_dump`'s lock has held it back",
    short=0,
    long=1,
)
async def dropped(rig: Rig, times: int) -> None:
    assert times == 1
    table = await asyncio.to_thread(_fill, rig)
    rig.gateway.configure(RETENTION__UPLINKS="0")
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.settle()  # the partitions of these months are there now
        rig.reports.append(await transactions_during(rig, asyncio.sleep(_QUIET), "before"))
        rig.gateway.configure(RETENTION__UPLINKS="400")
        async with await psycopg.AsyncConnection.connect(rig.server.url) as dumping:
            await dumping.execute("lock table uplink in access share mode")
            await _start_again(rig)
            held = until(partial(_is_postponed, rig), "a postponed drop")
            rig.reports.append(await transactions_during(rig, held, "while it is held back"))
            assert not await _is_dropped(rig, table)
        await _start_again(rig)
        gone = until(partial(_is_dropped, rig, table), "a dropped month")
        rig.reports.append(await transactions_during(rig, gone, "while it is dropped"))
        rig.happened(await _is_dropped(rig, table))
        await rig.settle()


async def _start_again(rig: Rig) -> None:
    """Its next round would be minutes away."""
    assert rig.gateway.terminate() == 0
    await rig.start_gateway()


def _fill(rig: Rig) -> str:
    """Returns the partition with the million."""
    fill(rig.server.url, rows=_ROWS, months_ago=_MONTHS_AGO)
    return f"uplink_{month_of(datetime.now(UTC), ahead=-_MONTHS_AGO):%Y_%m}"


def _run(program: str, *arguments: str) -> None:
    subprocess.run([embedded.programs() / program, *arguments], check=True, stderr=subprocess.DEVNULL)


def _restore(url: str, dump: Path) -> None:
    """Into the database, which has a migrated schema already, so that one is taken away before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    _run("pg_restore", "--exit-on-error", "--dbname", url, str(dump))


def _content(url: str, table: str) -> tuple[int, int]:
    with psycopg.connect(url) as connection:
        number, digest = connection.execute(_CONTENT.format(table=table).encode()).fetchone() or (0, 0)
        return int(number), int(digest)


def _ids(url: str) -> set[UUID]:
    """Of the uplinks of this run."""
    with psycopg.connect(url) as connection:
        query = "select deduplication_id from uplink where received_at > now() - interval '1 day'"
        return {one for (one,) in connection.execute(query)}


def _forget(rig: Rig, table: str) -> None:
    """The audit would find a million rows that nobody sent."""
    with psycopg.connect(rig.server.url, autocommit=True) as connection:
        connection.execute(f"drop table {table}".encode())


async def _is_postponed(rig: Rig) -> bool:
    return rig.gateway.metric('parking_gateway_retention_months_total{result="postponed"}') > 0


async def _is_dropped(rig: Rig, table: str) -> bool:
    async with await psycopg.AsyncConnection.connect(rig.server.url) as connection:
        ((found,),) = await (await connection.execute("select to_regclass(%s)", [table])).fetchall()
    return found is None
