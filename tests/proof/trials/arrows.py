"""The gateway dies at a certain step of an uplink's way. It is stopped there first, and the database or the wire shows it."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg

from parking_gateway.store.journal_file import NAME
from tests.proof.rig import Rig, number_of
from tests.proof.trial import trial
from tests.proof.valve import PUBACK, PUBLISH, Valve, valve_before
from tests.whole_gateway import unavailable, until

_PER_SECOND: Final = 300
_KEY: Final = 4711
"""Of an advisory lock."""
_PAUSE_COMMIT: Final = (
    (
        "create function pause_commit() returns trigger language plpgsql as"
        f" $$ begin perform pg_advisory_xact_lock_shared({_KEY}); return null; end $$"
    ),
    (
        "create constraint trigger pause_commit after insert on uplink deferrable initially deferred"
        " for each row execute function pause_commit()"
    ),
)
"""While a trial holds the advisory lock, every COMMIT of new uplinks waits for it."""
_WAITING: Final = """
select count(*) from pg_stat_activity
where application_name = 'parking-gateway' and wait_event_type = 'Lock' and wait_event = %s and query ilike %s
"""
_END_WAITING: Final = """
select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
where application_name = 'parking-gateway' and wait_event_type = 'Lock' and wait_event = 'advisory'
"""
_DUE: Final = """
select count(*) from space
where version <> published_version and seen_at > now() - interval '1 minute'
"""
_MONTHS = "select relid::regclass::text from pg_partition_tree('uplink') where isleaf"
Arrow = Callable[[Rig], Awaitable[None]]


@trial("T2", "`kill -9` before the insert: it waits for a lock", short=1, long=10)
async def before_insert(rig: Rig, times: int) -> None:
    await _die(rig, times, _before_insert)


async def _before_insert(rig: Rig) -> None:
    async with _connected(rig) as holder:
        await holder.execute("begin")
        # Only the months, so that the gateway holds the locks of spaces by then.
        found = await holder.execute(_MONTHS)
        for (month,) in await found.fetchall():
            await holder.execute(f"lock table {month} in exclusive mode")
        await until(partial(_waits, rig, "relation", "%insert into uplink%"), "an insert that waits")
        before = await _recorded(rig)
        await rig.kill_gateway()
        assert await _recorded(rig) == before


@trial("T2", "`kill -9` after the insert, before COMMIT: a deferred trigger waits", short=1, long=10)
async def before_commit(rig: Rig, times: int) -> None:
    await _install_pause(rig)
    await _die(rig, times, _before_commit)


async def _before_commit(rig: Rig) -> None:
    async with _commits_wait(rig) as holder:
        before = await _recorded(rig)
        await rig.kill_gateway()
        # Else the server would finish the commit that it has received.
        assert await number_of(holder, _END_WAITING) > 0
        assert await _recorded(rig) == before


@trial("T2", "`kill -9` after COMMIT, before PUBACK: the acknowledgements are swallowed", short=1, long=10)
async def before_acknowledgement(rig: Rig, times: int) -> None:
    async with _valve(rig) as valve:
        await _die(rig, times, partial(_before_packet, valve, PUBACK))


@trial("T2", "`kill -9` after PUBACK, before publication: the publications are swallowed", short=1, long=10)
async def before_publication(rig: Rig, times: int) -> None:
    async with _valve(rig) as valve:
        await _die(rig, times, partial(_before_packet, valve, PUBLISH))


async def _before_packet(valve: Valve, kind: int, rig: Rig) -> None:
    before = await _recorded(rig)
    valve.close(kind)

    async def has_arrived() -> bool:
        async with _connected(rig) as connection:
            is_due = kind == PUBACK or await number_of(connection, _DUE) > 0
        return valve.swallowed > 0 and is_due and await _recorded(rig) > before

    await until(has_arrived, "uplinks that are recorded, and a packet that is swallowed")
    await rig.kill_gateway()
    valve.open()


@trial("T2", "`kill -9` after the journal is written, before PUBACK", short=1, long=10)
async def while_journal_is_written(rig: Rig, times: int) -> None:
    _hurry_journal(rig)
    async with _valve(rig) as valve:
        await rig.start_gateway()
        async with rig.load.steady(_PER_SECOND):
            for _ in range(times):
                await rig.pause(0.2, 0.6)
                async with unavailable(rig.server.url):
                    valve.close(PUBACK)
                    await until(partial(_keeps, rig, valve), "a journal that is written, and a swallowed PUBACK")
                    await rig.pause(0, 0.1)
                    await rig.kill_gateway()
                    assert _kept(rig) > 0
                    valve.open()
                    await rig.start_gateway()
                await rig.recover()


async def _keeps(rig: Rig, valve: Valve) -> bool:
    kept = await asyncio.to_thread(rig.gateway.metric, "parking_gateway_journal_messages")
    return kept > 0 and valve.swallowed > 0


@trial(
    "T2",
    "`kill -9` while the journal drains: its COMMIT ends after the death, and nothing is deleted",
    short=1,
    long=10,
)
async def while_journal_drains(rig: Rig, times: int) -> None:
    _hurry_journal(rig)
    await _install_pause(rig)
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.2, 0.6)
            async with unavailable(rig.server.url):
                await until(partial(_has_kept, rig), "a journal that is written")
            async with _commits_wait(rig) as holder:
                before = await _recorded(rig)
                await rig.kill_gateway()
                assert _kept(rig) > 0
                await holder.execute(f"select pg_advisory_unlock({_KEY})")
                await until(partial(_has_recorded_more, rig, before), "a commit after the death")
            await rig.restart_gateway()


async def _die(rig: Rig, times: int, arrow: Arrow) -> None:
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.2, 0.6)
            await arrow(rig)
            await rig.restart_gateway()


@asynccontextmanager
async def _valve(rig: Rig) -> AsyncIterator[Valve]:
    async with valve_before(rig.broker.port) as valve:
        rig.gateway.configure(MQTT__URL=valve.url)
        try:
            yield valve
        finally:
            # Over the valve no more, because its end is the end of this connection.
            await asyncio.to_thread(rig.gateway.terminate)
            rig.gateway.configure(MQTT__URL=rig.broker.url)
            await rig.start_gateway()


@asynccontextmanager
async def _connected(rig: Rig) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(rig.server.url, autocommit=True) as connection:
        yield connection


@asynccontextmanager
async def _commits_wait(rig: Rig) -> AsyncIterator[psycopg.AsyncConnection]:
    """Inside, every COMMIT of new uplinks waits, and at least one does."""
    async with _connected(rig) as holder:
        await holder.execute(f"select pg_advisory_lock({_KEY})")
        await until(partial(_waits, rig, "advisory", "commit%"), "a COMMIT that waits")
        yield holder


async def _install_pause(rig: Rig) -> None:
    async with _connected(rig) as connection:
        for statement in _PAUSE_COMMIT:
            await connection.execute(statement.encode())


def _hurry_journal(rig: Rig) -> None:
    rig.gateway.configure(JOURNAL__AFTER="0.3", DATABASE__RECONNECT_WAIT_MIN="0.1", DATABASE__RECONNECT_WAIT_MAX="0.3")


async def _waits(rig: Rig, event: str, query: str) -> bool:
    async with _connected(rig) as connection:
        found = await (await connection.execute(_WAITING, [event, query])).fetchone()
    return bool(found and found[0])


async def _recorded(rig: Rig) -> int:
    async with _connected(rig) as connection:
        return await number_of(connection, "select count(*) from uplink")


async def _has_recorded_more(rig: Rig, before: int) -> bool:
    return await _recorded(rig) > before


async def _has_kept(rig: Rig) -> bool:
    return await asyncio.to_thread(rig.gateway.metric, "parking_gateway_journal_messages") > 0


def _kept(rig: Rig) -> int:
    """How many entries the journal of the dead gateway has. Read from a copy, because reading would mend the file."""
    folder = Path(rig.gateway.environment["PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY"])
    with TemporaryDirectory() as copies:
        for file in folder.glob(f"{NAME}*"):
            shutil.copy(file, copies)
        with closing(sqlite3.connect(Path(copies) / NAME)) as journal:
            ((entries,),) = journal.execute("select count(*) from entry").fetchall()
            return int(entries)
